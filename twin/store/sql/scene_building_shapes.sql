-- Shapes of buildings by rows of geometry; Buildings.rows adds the range of rows it wants.
SELECT rowid AS r, wkb FROM geometry
