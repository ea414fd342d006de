-- A representation of a thing: degrees (EPSG:4490), metres above the ellipsoid.
INSERT INTO geometry VALUES (uuid(), $eid, $role, $lod, NULL, $wkb, NULL, NULL, NULL, $zmin, $zmax, $xmin, $ymin, $xmax, $ymax,
                             $hilbert, $dataset_id);
