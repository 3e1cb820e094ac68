-- Where an extension's calls go instead: {do_not_disturb, always, busy, no_answer}.
ALTER TABLE extensions ADD COLUMN forward TEXT NOT NULL DEFAULT '{}';
