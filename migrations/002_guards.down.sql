DROP FUNCTION retraind.follow_run() CASCADE;
DROP FUNCTION retraind.close_promotion_once() CASCADE;
DROP FUNCTION retraind.refuse_change() CASCADE;
