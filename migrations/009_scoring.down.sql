-- Back to 008, which scores no rows in batches. What was written to the users' tables stays there.
DROP TRIGGER wake_scoring ON retraind.promotion;
DROP FUNCTION retraind.wake_scoring();
DROP VIEW retraind.scoring_status;
DROP TABLE retraind.scoring;
