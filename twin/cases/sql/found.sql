-- The cases asked for, as a part of a statement. $stages, $west … $north (degrees), $grid (beginning of a grid code), $code (beginning of a type), $unit, $alarm,
-- $case: each NULL for "any". among (id: UUID as text): the cases asked for, unless $all.
WITH found AS MATERIALIZED (
    SELECT case_id, reported_at, key FROM case_file c
    WHERE ($stages::VARCHAR[] IS NULL OR list_contains($stages::VARCHAR[], stage))
        AND ($west::DOUBLE IS NULL OR (lon BETWEEN $west AND $east AND lat BETWEEN $south AND $north) OR (lon IS NULL AND case_id::VARCHAR IN (
            SELECT subject_id FROM anchor WHERE subject_kind = 'case' AND lon BETWEEN $west AND $east AND lat BETWEEN $south AND $north)))
        AND ($all OR case_id IN (SELECT id::UUID FROM among))
        AND ($grid::VARCHAR IS NULL OR case_id::VARCHAR IN (
            SELECT subject_id FROM anchor WHERE subject_kind = 'case' AND starts_with(grid_code, $grid)))
        AND ($code::VARCHAR IS NULL OR starts_with(code, $code))
        AND ($unit::VARCHAR IS NULL OR unit = $unit)
        AND ($alarm::VARCHAR IS NULL OR alarm_id = TRY_CAST($alarm AS UUID))
        AND ($case::VARCHAR IS NULL OR case_id = TRY_CAST($case AS UUID) OR key = $case))
