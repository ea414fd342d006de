-- Whether something in the base may be one of the things held (incoming): a known building of another load lies in their
-- box ($xmin … $ymax, degrees), or an identifier of theirs was issued already. $dataset_id.
SELECT (EXISTS (FROM geometry g JOIN entity e USING (eid)
                WHERE e.collection IN ('buildings', 'bridges') AND g.wkb IS NOT NULL AND g.dataset_id <> $dataset_id
                  AND g.xmin <= $xmax AND g.xmax >= $xmin AND g.ymin <= $ymax AND g.ymax >= $ymin)
        AND EXISTS (FROM incoming WHERE collection IN ('buildings', 'bridges')))
    OR EXISTS (FROM (SELECT unnest(aliases) AS al FROM incoming WHERE aliases IS NOT NULL) h
               JOIN alias a ON a.scheme = h.al.scheme AND a.value = h.al.value AND a.valid_to IS NULL);
