-- Balance of every load.
SELECT source_key AS what, n_in = n_loaded + n_merged + n_unchanged + n_quarantined AS ok FROM dataset
