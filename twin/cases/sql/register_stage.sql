-- Judges each row of incoming_cases against the base: known case or not, same content or not, or why it is refused.
-- incoming_cases: CASES with naive UTC times + lon, lat (degrees), position (0-based row). $stages: known stages.
CREATE OR REPLACE TEMP TABLE staged_case AS
WITH hashed AS (
    SELECT *, md5(to_json(struct_pack(kind, code, title, description, address_text, lon, lat, reported_at, closed_at, stage, source, unit,
        attributes))::VARCHAR) AS record_hash,
        CASE WHEN fault IS NOT NULL THEN fault
             WHEN key IS NULL OR trim(key) = '' THEN 'case without a key (案件编号)'
             WHEN stage IS NULL OR NOT list_contains($stages, stage) THEN 'unknown stage ' || coalesce(stage, '(none given)')
             WHEN reported_at IS NULL THEN 'case without the time it was reported'
             WHEN closed_at < reported_at THEN 'closed before it was reported'
             WHEN attributes IS NOT NULL AND NOT json_valid(attributes) THEN 'attributes are not valid JSON' END AS flaw
    FROM incoming_cases),
ranked AS (
    SELECT *, row_number() OVER same_key AS nth, first_value(record_hash) OVER same_key AS first_hash
    FROM hashed WINDOW same_key AS (PARTITION BY key, flaw IS NULL ORDER BY position))
SELECT r.*, c.case_id AS known_id,
    CASE WHEN flaw IS NOT NULL THEN flaw
         WHEN nth > 1 AND r.record_hash <> first_hash THEN 'key ' || r.key || ' stands in an earlier row of this table with other content'
    END AS reason,
    CASE WHEN c.case_id IS NULL AND nth = 1 THEN 'loaded'
         WHEN nth > 1 OR c.record_hash = r.record_hash THEN 'unchanged'
         ELSE 'changed' END AS verdict
FROM ranked r LEFT JOIN case_file c ON c.key = r.key;
