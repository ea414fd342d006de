-- Ends the version of $rule that is in force. $now: UTC.
INSERT INTO alarm_rule_history BY NAME SELECT *, $now::TIMESTAMP AS valid_to FROM alarm_rule WHERE rule_id = $rule;

DELETE FROM alarm_rule WHERE rule_id = $rule;
