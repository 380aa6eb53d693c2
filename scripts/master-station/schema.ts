/** The station's tables. Instants are milliseconds since 1970 UTC, amounts millionths of the account's unit. */
export const schema = `
CREATE TABLE IF NOT EXISTS concentrator (
  id TEXT PRIMARY KEY,
  epoch INTEGER,
  hello TEXT,
  online INTEGER NOT NULL DEFAULT 0,
  state TEXT,
  seen_at INTEGER NOT NULL,
  received INTEGER NOT NULL DEFAULT 0,
  duplicates INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE IF NOT EXISTS record (
  concentrator TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  stream TEXT NOT NULL,
  seq INTEGER NOT NULL,
  body TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (concentrator, epoch, stream, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS gap (
  concentrator TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  stream TEXT NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (concentrator, epoch, stream, first, count)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS mark (
  concentrator TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  stream TEXT NOT NULL,
  up_to INTEGER NOT NULL,
  PRIMARY KEY (concentrator, epoch, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS entry (
  concentrator TEXT NOT NULL,
  account TEXT NOT NULL,
  number INTEGER NOT NULL,
  hash TEXT NOT NULL,
  amount INTEGER NOT NULL,
  balance_after INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (concentrator, account, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS poison (
  hash TEXT PRIMARY KEY,
  concentrator TEXT NOT NULL,
  topic TEXT NOT NULL,
  payload BLOB NOT NULL,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS alarm (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  concentrator TEXT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

-- queued: signed and not sent yet; sent: on its way; journalled: the concentrator has it, stage says how far; refused: it never will;
-- expired: its time was over before the concentrator had it.
CREATE TABLE IF NOT EXISTS "order" (
  id INTEGER PRIMARY KEY,
  concentrator TEXT NOT NULL,
  key TEXT NOT NULL,
  number INTEGER NOT NULL,
  kind TEXT NOT NULL,
  envelope TEXT NOT NULL,
  expiry INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'journalled', 'refused', 'expired')),
  stage TEXT,
  evidence TEXT,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  UNIQUE (concentrator, key, number)
) STRICT;
`
