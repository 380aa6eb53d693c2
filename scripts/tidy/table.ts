/** The rules of STYLE, as data. A folder stands before the folders inside it: the longest match counts. */

/** One row of the import table. `values` may be imported as they are, `types` only with `import type`. */
export interface ZoneRule {
  readonly zone: string
  readonly values: readonly string[]
  readonly types: readonly string[]
  /** Builtin modules it may use; `all` for adapters and programs. */
  readonly builtins: 'all' | readonly string[]
  /** Free of clocks, timers, chance and the process: nothing but values in, values out. */
  readonly pure: boolean
}

const pureFolders = ['src/collection', 'src/scheduling', 'src/prepaid', 'src/control', 'src/analysis', 'src/outbox']
const vocabulary = ['src/model']

const pure = (zone: string, downwards: readonly string[] = [], builtins: readonly string[] = []): ZoneRule => ({
  zone,
  values: [zone, ...vocabulary, ...downwards],
  types: ['src/ports'],
  builtins,
  pure: true,
})

const adapter = (zone: string, more: readonly string[] = [], types: readonly string[] = []): ZoneRule => ({
  zone,
  values: [zone, ...vocabulary, 'src/ports', ...pureFolders, ...more],
  types,
  builtins: 'all',
  pure: false,
})

const medium = (zone: string): ZoneRule => ({
  zone,
  values: [zone, 'drivers/link', 'src/protocols/gdw1376', 'src/protocols/at', ...vocabulary, 'src/ports'],
  types: [],
  builtins: 'all',
  pure: false,
})

/** Media behind a local module share its machine. */
const behindModule = (zone: string): ZoneRule => {
  const rule = medium(zone)
  return { ...rule, values: [...rule.values, 'drivers/module'] }
}

const everything = ['src', 'drivers', 'scripts']

/** Who may import whom. A protocol stands for each folder of its own under `src/protocols`, a medium for each under `drivers`. */
export const zones: readonly ZoneRule[] = [
  { zone: 'src/model', values: ['src/model'], types: [], builtins: [], pure: true },
  { zone: 'src/ports', values: ['src/ports'], types: vocabulary, builtins: [], pure: true },
  // What all codecs stand on: bytes, splitting of streams, questions without answers.
  pure('src/protocols/wire'),
  pure('src/protocols/*', ['src/protocols/wire']),
  // The older edition has the frame, checksum, bias, digits and field formats of the newer one: one implementation serves both.
  pure('src/protocols/dlt645-1997', ['src/protocols/dlt645', 'src/protocols/wire']),
  // Downwards: collection plans work for the queue; whoever settles or orders knows neither.
  pure('src/collection', ['src/scheduling']),
  // The order of priorities is a list of the port itself.
  { ...pure('src/scheduling'), values: ['src/scheduling', 'src/model', 'src/ports'] },
  // Hashes of chains and signatures of orders are functions of bytes.
  pure('src/prepaid', [], ['node:crypto']),
  pure('src/control', ['src/prepaid'], ['node:crypto']),
  pure('src/analysis', ['src/prepaid']),
  pure('src/outbox'),
  adapter('src/store'),
  adapter('src/uplink'),
  adapter('src/calendar'),
  adapter('src/console', ['src/protocols'], ['src/settings']),
  adapter('src/settings'),
  // Builds the daemon of what main.ts hands it: values of other adapters come in as arguments.
  adapter('src/runtime', ['src/settings'], ['src/store', 'src/uplink', 'src/console', 'src/calendar']),
  // Names of protocols and drivers for the two programs.
  { zone: 'src/registry.ts', values: everything, types: [], builtins: 'all', pure: false },
  { zone: 'src/media.ts', values: everything, types: [], builtins: 'all', pure: false },
  // What only the command needs of it: register maps from files.
  { zone: 'src/probe-protocol.ts', values: everything, types: [], builtins: 'all', pure: false },
  { zone: 'src/main.ts', values: everything, types: [], builtins: 'all', pure: false },
  { zone: 'src/cli.ts', values: everything, types: [], builtins: 'all', pure: false },
  medium('drivers/*'),
  behindModule('drivers/plc'),
  behindModule('drivers/wireless'),
  { ...medium('drivers/link'), values: ['drivers/link', ...vocabulary, 'src/ports'] },
  { ...medium('drivers/simulated'), values: ['drivers/simulated', 'src/protocols', ...vocabulary, 'src/ports'] },
  { zone: 'scripts', values: everything, types: [], builtins: 'all', pure: false },
  { zone: 'tests', values: [...everything, 'tests'], types: [], builtins: 'all', pure: false },
]

/** Nobody imports these: they are where programs start. (Nor does any folder of the table import the registry.) */
export const compositionRoots: readonly string[] = ['src/main.ts', 'src/cli.ts']

/** Which folders may import a package; a package that is not listed needs a decision record first. Tests may import all of them. */
export const packages: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['src/store', 'scripts'],
  mqtt: ['src/uplink', 'scripts'],
  'node-schedule': ['src/calendar.ts', 'src/calendar'],
  yaml: ['src/settings', 'scripts'],
  serialport: ['drivers/link'],
  '@serialport/parser-byte-length': ['drivers/link', 'drivers/wireless', 'drivers/card'],
  '@serialport/bindings-cpp': ['drivers/link'],
  zod: ['src/settings', 'src/uplink', 'src/console', 'src/store', 'src/control', 'drivers', 'scripts'],
  pino: ['src/runtime'],
  commander: ['src/cli.ts', 'src/console', 'scripts'],
  fastify: ['src/console'],
  aedes: ['scripts'],
  // An independent Modbus, for contract tests alone.
  'modbus-serial': [],
  typescript: ['scripts/tidy.ts', 'scripts/tidy'],
  'fast-check': [],
  tap: [],
}

/** What only clocks, chance and the process give; pure folders are handed them. */
export const impureNames: readonly string[] = [
  'Date.now',
  'Math.random',
  'performance',
  'process',
  'console',
  'globalThis',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'fetch',
]

/** Time and chance are injected: outside these, nothing in `src` and `drivers` takes them for itself. */
export const timeNames: readonly string[] = ['Date.now', 'new Date()', 'Math.random', 'performance', 'setTimeout', 'setInterval']
export const timeZones: readonly string[] = ['src/runtime', 'src/calendar.ts', 'src/main.ts', 'src/cli.ts', 'drivers/link']

/** Types asserted by hand belong to borders, where bytes and rows come in, and to unit constructors. */
export const assertionZones: readonly string[] = [
  'src/model/ids.ts',
  'src/model/units.ts',
  'src/control/envelope.ts',
  'src/control/order-schema.ts',
  'src/settings',
  'src/store',
  'src/uplink',
  'src/console',
  'src/runtime',
  'src/calendar.ts',
  'src/main.ts',
  'src/cli.ts',
  'drivers',
  'scripts',
  'tests',
]

/** Here every exported function and class bears a doc comment. This list may only get longer. */
export const documentedZones: readonly string[] = [
  'src/ports',
  'src/protocols',
  'src/control',
  'src/outbox',
  'src/settings',
  'src/uplink',
  'src/calendar.ts',
  'src/registry.ts',
  'src/media.ts',
  'src/probe-protocol.ts',
  'scripts/tidy',
]

export const rootNames: readonly string[] = [
  'src',
  'drivers',
  'config',
  'scripts',
  'systemd',
  'tests',
  'docs',
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'eslint.config.js',
]
/** Made by tools, never committed. */
export const producedNames: readonly string[] = ['node_modules', 'dist']

/** Words that say nothing about what is inside. */
export const emptyWords: readonly string[] = ['util', 'utils', 'helper', 'helpers', 'manager', 'common', 'misc']

export const fileLinesMax = 400
export const functionLinesMax = 70

/** Files of data: their length is the length of a standard. */
export const dataFiles: readonly RegExp[] = [
  /\/registers(-[a-z-]+)?\.ts$/,
  /^tests\/vectors\//,
  /^package-lock\.json$/,
  /^config\//,
]

/**
 * What breaks a rule for a reason. This list may only get shorter: one that is not needed any more is a breach itself, and a
 * test knows how many there are.
 */
export const exceptions: readonly { readonly rule: string; readonly file: string; readonly why: string }[] = []
