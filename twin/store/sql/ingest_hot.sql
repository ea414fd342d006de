-- Typed attributes of JSON objects (incoming: place, attributes) that are not plain; NULL where there is no number.
SELECT place, coalesce(try_cast(attributes::JSON ->> 'height_m' AS DOUBLE), 'nan') AS height_m,
       coalesce(try_cast(attributes::JSON ->> 'floors' AS DOUBLE), 'nan') AS floors FROM incoming;
