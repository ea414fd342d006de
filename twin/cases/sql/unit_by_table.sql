-- The unit of a type ($code) in a 单元网格 ($grid, '' where none): the rule of the longest beginning of the code, of those of the longest of the area.
SELECT unit, code, area FROM case_unit WHERE starts_with($code, code) AND starts_with($grid, area)
ORDER BY length(code) DESC, length(area) DESC, unit LIMIT 1;
