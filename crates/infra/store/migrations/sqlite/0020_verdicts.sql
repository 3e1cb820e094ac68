-- Why a party was not heard: the word, what was seen, what to change. NULL when everybody was.
ALTER TABLE call_logs ADD COLUMN verdict TEXT;
ALTER TABLE call_logs ADD COLUMN verdict_leg INTEGER; -- the position in call_legs
ALTER TABLE call_logs ADD COLUMN verdict_evidence TEXT;
ALTER TABLE call_logs ADD COLUMN verdict_advice TEXT;

ALTER TABLE call_legs ADD COLUMN burst_ratio REAL;
ALTER TABLE call_legs ADD COLUMN clock_drift_ppm REAL;
ALTER TABLE call_legs ADD COLUMN verdict TEXT; -- JSON: the word under "verdict", and what was seen
