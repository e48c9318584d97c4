REVOKE ALL ON ALL TABLES IN SCHEMA retraind FROM retraind_reader, retraind_operator, retraind_daemon;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA retraind FROM retraind_reader, retraind_operator, retraind_daemon;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA retraind FROM retraind_reader, retraind_operator, retraind_daemon;
REVOKE ALL ON SCHEMA retraind FROM retraind_reader, retraind_operator, retraind_daemon;
