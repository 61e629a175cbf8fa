-- A state of schema 1, as the first version (commit bfefa25) made it: one row or more in every table.
BEGIN TRANSACTION;
CREATE TABLE alert_updates (
	alert_id VARCHAR(32) NOT NULL,
	seen_at DATETIME NOT NULL,
	run_id VARCHAR(64),
	event VARCHAR(16) NOT NULL,
	episode JSON NOT NULL,
	document JSON NOT NULL,
	PRIMARY KEY (alert_id, seen_at),
	FOREIGN KEY(alert_id) REFERENCES alerts (alert_id) ON DELETE CASCADE
);
INSERT INTO "alert_updates" VALUES('6529076501f8e77d','2025-09-04 20:00:00.000000','run-20250904T2000','new','{"started": "2025-09-04", "ordinal": 0, "peak_severity": "high", "peak_stars": 5, "sent_at": "2025-09-04T20:00:00Z", "displaced": false}','{"alert_id": "6529076501f8e77d", "rule_id": "call-buildup", "scope": "contract", "severity": "high", "score": 93.0, "stars": 5, "status": "new", "confirmation": "pending", "session_date": "2025-09-04", "first_seen": "2025-09-04T20:00:00Z", "last_seen": "2025-09-04T20:00:00Z", "underlying": "GOOG", "contract": "GOOG250912C00235000", "expiry": "2025-09-12", "strike": 235.0, "right": "C", "title": "Sudden call build-up", "message": "GOOG 235 calls: 48,210 traded", "evidence": {"volume": 48210, "volume_surprise": 7.2, "spot": 232.3, "last": 2.5, "bid": 2.45, "ask": 2.55, "open_interest": 3120, "volume_expected": 900.0, "volume_multiple": 53.6, "volume_q": 0.004, "dte": 8, "put_call_volume": 0.41, "history_sessions": 5}, "drivers": [], "simulated": false, "baseline": {"kind": "own", "sessions": 5, "from": "2025-08-27", "to": "2025-09-03"}, "source": "files", "quote_time": "2025-09-04T19:59:00Z", "oi_asof": "2025-09-03"}');
CREATE TABLE alerts (
	alert_id VARCHAR(32) NOT NULL,
	rule_id VARCHAR(128) NOT NULL,
	identity VARCHAR(256) NOT NULL,
	simulated BOOLEAN NOT NULL,
	underlying VARCHAR(32),
	severity VARCHAR(16) NOT NULL,
	status VARCHAR(16) NOT NULL,
	session_date DATE NOT NULL,
	first_session DATE NOT NULL,
	first_seen DATETIME NOT NULL,
	last_seen DATETIME NOT NULL,
	updated_at DATETIME NOT NULL,
	document JSON NOT NULL,
	PRIMARY KEY (alert_id)
);
INSERT INTO "alerts" VALUES('6529076501f8e77d','call-buildup','GOOG250912C00235000',0,'GOOG','high','new','2025-09-04','2025-09-04','2025-09-04 20:00:00.000000','2025-09-04 20:00:00.000000','2025-09-04 20:00:00.000000','{"alert_id": "6529076501f8e77d", "rule_id": "call-buildup", "scope": "contract", "severity": "high", "score": 93.0, "stars": 5, "status": "new", "confirmation": "pending", "session_date": "2025-09-04", "first_seen": "2025-09-04T20:00:00Z", "last_seen": "2025-09-04T20:00:00Z", "underlying": "GOOG", "contract": "GOOG250912C00235000", "expiry": "2025-09-12", "strike": 235.0, "right": "C", "title": "Sudden call build-up", "message": "GOOG 235 calls: 48,210 traded", "evidence": {"volume": 48210, "volume_surprise": 7.2, "spot": 232.3, "last": 2.5, "bid": 2.45, "ask": 2.55, "open_interest": 3120, "volume_expected": 900.0, "volume_multiple": 53.6, "volume_q": 0.004, "dte": 8, "put_call_volume": 0.41, "history_sessions": 5}, "drivers": [], "simulated": false, "baseline": {"kind": "own", "sessions": 5, "from": "2025-08-27", "to": "2025-09-03"}, "source": "files", "quote_time": "2025-09-04T19:59:00Z", "oi_asof": "2025-09-03"}');
CREATE TABLE calibration (
	source VARCHAR(64) NOT NULL,
	session_date DATE NOT NULL,
	channel VARCHAR(64) NOT NULL,
	nominal DOUBLE NOT NULL,
	realised DOUBLE,
	count INTEGER NOT NULL,
	calculation_version VARCHAR(64) NOT NULL,
	PRIMARY KEY (source, session_date, channel, nominal)
);
INSERT INTO "calibration" VALUES('cboe','2025-09-04','volume',0.001,0.0012,9600,'1');
CREATE TABLE flagged (
	alert_id VARCHAR(32) NOT NULL,
	session_date DATE NOT NULL,
	contract VARCHAR(32) NOT NULL,
	rule_id VARCHAR(128) NOT NULL,
	underlying VARCHAR(32),
	simulated BOOLEAN NOT NULL,
	expiry DATE,
	flagged_at DATETIME NOT NULL,
	volume INTEGER,
	open_interest INTEGER,
	oi_asof DATE,
	outcome VARCHAR(16) NOT NULL,
	opened INTEGER,
	decided_at DATETIME,
	matched_share DOUBLE,
	PRIMARY KEY (alert_id, session_date, contract),
	FOREIGN KEY(alert_id) REFERENCES alerts (alert_id) ON DELETE CASCADE
);
INSERT INTO "flagged" VALUES('6529076501f8e77d','2025-09-04','GOOG250912C00235000','call-buildup','GOOG',0,'2025-09-12','2025-09-04 20:00:00.000000',48210,3120,'2025-09-03','pending',NULL,NULL,NULL);
CREATE TABLE held_back (
	run_id VARCHAR(64) NOT NULL,
	rule_id VARCHAR(128) NOT NULL,
	identity VARCHAR(256) NOT NULL,
	underlying VARCHAR(32),
	severity VARCHAR(16) NOT NULL,
	score DOUBLE,
	reason VARCHAR(32) NOT NULL,
	message VARCHAR NOT NULL,
	PRIMARY KEY (run_id, rule_id, identity)
);
CREATE TABLE jobs (
	name VARCHAR(128) NOT NULL,
	started_at DATETIME NOT NULL,
	finished_at DATETIME,
	outcome VARCHAR(32),
	message VARCHAR,
	PRIMARY KEY (name)
);
INSERT INTO "jobs" VALUES('close','2025-09-04 20:00:00.000000','2025-09-04 20:01:00.000000','done',NULL);
CREATE TABLE looks (
	source VARCHAR(64) NOT NULL,
	session_date DATE NOT NULL,
	underlying VARCHAR(32) NOT NULL,
	quote_time DATETIME NOT NULL,
	surprises JSON NOT NULL,
	PRIMARY KEY (source, session_date, underlying, quote_time)
);
INSERT INTO "looks" VALUES('cboe','2025-09-04','GOOG','2025-09-04 15:00:00.000000','{"GOOG250912C00235000": 4.5}');
CREATE TABLE meta (
	name VARCHAR(64) NOT NULL,
	value VARCHAR NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('schema_version','1');
CREATE TABLE not_judged (
	row_id INTEGER NOT NULL,
	run_id VARCHAR(64) NOT NULL,
	rule_id VARCHAR(128) NOT NULL,
	underlying VARCHAR(32),
	reasons JSON NOT NULL,
	count INTEGER NOT NULL,
	PRIMARY KEY (row_id)
);
INSERT INTO "not_judged" VALUES(1,'run-20250904T2000','call-buildup','GOOG','["building history: 3 of 10 sessions"]',2610);
CREATE TABLE runs (
	run_id VARCHAR(64) NOT NULL,
	as_of DATETIME NOT NULL,
	session_date DATE NOT NULL,
	source VARCHAR(64) NOT NULL,
	simulated BOOLEAN NOT NULL,
	document JSON NOT NULL,
	problems JSON NOT NULL,
	held_back JSON NOT NULL,
	PRIMARY KEY (run_id)
);
INSERT INTO "runs" VALUES('run-20250904T2000','2025-09-04 20:00:00.000000','2025-09-04','files',0,'{"id": "run-20250904T2000", "as_of": "2025-09-04T20:00:00Z", "started_at": "2025-09-04T20:00:00Z", "finished_at": "2025-09-04T20:00:00Z", "source": "files", "simulated": false, "calculation_version": "1", "session_date": "2025-09-04", "symbols": {"requested": 2, "scanned": 2, "failed": 0}, "contracts": 2, "rules": 1, "notes": []}','[{"symbol": "XYZ", "stage": "source", "code": "rate_limited", "message": "HTTP 429"}]','{"alert budget": 3}');
CREATE TABLE sightings (
	rule_id VARCHAR(128) NOT NULL,
	identity VARCHAR(256) NOT NULL,
	simulated BOOLEAN NOT NULL,
	underlying VARCHAR(32),
	since DATETIME NOT NULL,
	last_seen DATETIME NOT NULL,
	scans INTEGER NOT NULL,
	PRIMARY KEY (rule_id, identity, simulated)
);
INSERT INTO "sightings" VALUES('roll','NVDA 2025-09-19',0,'NVDA','2025-09-04 15:00:00.000000','2025-09-04 15:30:00.000000',2);
INSERT INTO "held_back" VALUES('run-20250904T2000','roll','NVDA250919P00130000','NVDA','notice',41.5,'alert budget','NVDA 130 puts');
CREATE INDEX ix_runs_as_of ON runs (as_of);
CREATE INDEX ix_runs_session_date ON runs (session_date);
CREATE INDEX ix_alerts_last_seen ON alerts (last_seen);
CREATE INDEX ix_alerts_rule_id ON alerts (rule_id);
CREATE INDEX ix_alerts_first_session ON alerts (first_session);
CREATE INDEX ix_alerts_underlying ON alerts (underlying);
CREATE INDEX ix_alerts_first_seen ON alerts (first_seen);
CREATE INDEX ix_alerts_updated_at ON alerts (updated_at);
CREATE INDEX ix_alerts_session_date ON alerts (session_date);
CREATE INDEX alerts_key ON alerts (rule_id, identity, simulated);
CREATE INDEX ix_not_judged_run_id ON not_judged (run_id);
CREATE INDEX ix_flagged_rule_id ON flagged (rule_id);
CREATE INDEX ix_flagged_outcome ON flagged (outcome);
COMMIT;
