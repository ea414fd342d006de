-- Stage one batch (view incoming).
INSERT INTO staged FROM incoming;
