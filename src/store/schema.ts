/** Marks our files, so that another program's database is never taken for one: "WtKp". */
export const APPLICATION_ID = 0x57744b70

/** One forward step. `sql` brings a file of version `version − 1` to `version`, in one transaction. */
export interface Migration {
  readonly version: number
  readonly sql: string
}

/** Every step ever released, in order. A released step is never edited; a change is a new step at the end. */
export const migrations: readonly Migration[] = [
  {
    version: 1,
    sql: `
-- Identity of the store: epoch, and how far chains were proven.
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- Numbers that rows no longer show: lo after an eviction, hi when the rows of the last numbers were evicted, and up to where
-- points are packed: slots of the log up to there are free.
CREATE TABLE stream (
  name TEXT PRIMARY KEY, lo INTEGER NOT NULL, hi INTEGER NOT NULL, packed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone (
  stream TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (stream, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE cursor (
  master TEXT NOT NULL, stream TEXT NOT NULL, up_to INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (master, stream)
) STRICT, WITHOUT ROWID;

-- Points: the log in arrival order, as a ring of page-sized slots, and one chunk for each meter and packing.
CREATE TABLE name (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE curve_log (
  slot INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE freeze_log (
  slot INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE pack (
  id INTEGER PRIMARY KEY, stream TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  slot_from INTEGER NOT NULL, slot_to INTEGER NOT NULL, received_to INTEGER NOT NULL, trusted_to INTEGER,
  points INTEGER NOT NULL, item_values INTEGER NOT NULL, bytes INTEGER NOT NULL
) STRICT;
-- id = pack × 2^20 + number of the meter's name: a packing lies together, a meter's chunk is found without an index.
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY, slot_from INTEGER NOT NULL, slot_to INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;

CREATE TABLE event (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, trusted INTEGER NOT NULL, account TEXT, body TEXT NOT NULL
) STRICT;
CREATE INDEX event_account ON event (account, seq) WHERE account IS NOT NULL;
CREATE TABLE result (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, trusted INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE status (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, trusted INTEGER NOT NULL, body TEXT NOT NULL) STRICT;

-- Entries have a number and a key, statements have neither.
CREATE TABLE ledger (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, trusted INTEGER NOT NULL, account TEXT NOT NULL,
  number INTEGER, key TEXT, amount INTEGER, body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX ledger_number ON ledger (account, number) WHERE number IS NOT NULL;
CREATE UNIQUE INDEX ledger_key ON ledger (key) WHERE key IS NOT NULL;
CREATE INDEX ledger_statement ON ledger (account, seq) WHERE number IS NULL;
CREATE TRIGGER ledger_kept BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_unchanged BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TABLE account (id TEXT PRIMARY KEY, crc INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
  id INTEGER PRIMARY KEY, origin TEXT NOT NULL, number INTEGER NOT NULL, account TEXT, stage TEXT NOT NULL,
  attempts INTEGER NOT NULL, at INTEGER NOT NULL, trusted INTEGER NOT NULL,
  crc INTEGER NOT NULL, body TEXT NOT NULL, evidence TEXT NOT NULL, envelope TEXT NOT NULL,
  UNIQUE (origin, number)
) STRICT;
CREATE INDEX journal_open ON journal (id) WHERE stage IN ('journalled', 'sending', 'unknown');
CREATE INDEX journal_account ON journal (account, id) WHERE account IS NOT NULL;
-- The highest order number of each key that was journalled; outlives the journal's rows.
CREATE TABLE counter (key TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE parameter_set (
  name TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
`,
  },
]

/** The version this program reads and writes. */
export const SCHEMA_VERSION = migrations.length
