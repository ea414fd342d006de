-- A photo of a case ($case_id: UUID as text); times UTC, place in degrees, distance in metres.
INSERT INTO case_photo VALUES ($case_id::UUID, $sha256, $asset, $media_type, $n_bytes, $width, $height, $taken_at, $lon, $lat, $distance_m,
    $verdict, $actor, $at_time);
