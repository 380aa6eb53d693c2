import {
  ascii,
  bits,
  digits,
  either,
  energyKwh,
  hex,
  list,
  money,
  number,
  price,
  record,
  time,
  times,
  type Access,
  type Field,
  type Layout,
  type RegisterEntry,
} from './fields.js'
import { statusWordBits } from './status.js'

const small = number('', 1, 0)
const ratio = number('', 3, 0)
const coefficient = number('', 2, 3)
const power = number('kW', 3, 4)
const volts = number('V', 2, 1)
const switchTime = time('YYMMDDhhmm')

const row = (di: string, name: string, access: Access, ...fields: readonly Field[]): RegisterEntry =>
  table(di, name, access, record(...fields))
const table = (di: string, name: string, access: Access, layout: Layout): RegisterEntry => ({ di, name, layout, access })

const combination = ['forward-added', 'forward-subtracted', 'reverse-added', 'reverse-subtracted']
const quadrants = [
  'q1-added',
  'q1-subtracted',
  'q2-added',
  'q2-subtracted',
  'q3-added',
  'q3-subtracted',
  'q4-added',
  'q4-subtracted',
]
/** The same flags as of service 17H (facts §6.7). */
const speeds = ['', '600', '1200', '2400', '4800', '9600', '19200']
const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const loadModes = ['u-i-f', 'p-q', 'power-factor', 'energies', 'quadrants', 'demand']
const freezeModes = [
  'forward',
  'reverse',
  'combined-1',
  'combined-2',
  'quadrants',
  'forward-demand',
  'reverse-demand',
  'variables',
]

/** Clock, counts, display (facts §8.4). */
const basics: readonly RegisterEntry[] = [
  row('04.00.01.01', 'date and week day', 'RW*', time('YYMMDDWW')),
  row('04.00.01.02', 'time', 'RW*', time('hhmmss')),
  row('04.00.01.0C', 'date, week day and time', 'RW*', time('YYMMDDWWhhmmss')),
  row('04.00.01.03', 'demand period', 'RW', number('min', 1, 0)),
  row('04.00.01.04', 'demand slip time', 'RW', number('min', 1, 0)),
  row('04.00.01.05', 'test pulse width', 'RW', number('ms', 2, 0)),
  row('04.00.01.06', 'switch time of zone tables', 'RW*', switchTime),
  row('04.00.01.07', 'switch time of day tables', 'RW*', switchTime),
  row('04.00.01.08', 'switch time of price sets', 'RW*', switchTime),
  row('04.00.01.09', 'switch time of step sets', 'RW*', switchTime),
  row('04.00.02.01', 'year zones', 'RW', small),
  row('04.00.02.02', 'day tables', 'RW', small),
  row('04.00.02.03', 'slots per day', 'RW', small),
  row('04.00.02.04', 'tariffs', 'RW', small),
  row('04.00.02.05', 'public holidays', 'RW', number('', 2, 0)),
  row('04.00.02.06', 'harmonics analysed', 'RW', small),
  row('04.00.02.07', 'steps', 'RW', small),
  row('04.00.03.01', 'display screens', 'RW', small),
  row('04.00.03.02', 'display time of a screen', 'RW', number('s', 1, 0)),
  row('04.00.03.03', 'decimals of energy', 'RW', small),
  row('04.00.03.04', 'decimals of power', 'RW', small),
  row('04.00.03.05', 'display screens by key', 'RW', small),
  row('04.00.03.06', 'CT ratio', 'RW*', ratio),
  row('04.00.03.07', 'PT ratio', 'RW*', ratio),
]

/** Who the meter is (facts §8.4). */
const identity: readonly RegisterEntry[] = [
  row('04.00.04.01', 'communication address', 'RW', digits(6)),
  row('04.00.04.02', 'meter number', 'RW', digits(6)),
  row('04.00.04.03', 'asset code', 'RW', ascii(32)),
  row('04.00.04.04', 'rated voltage', 'R', ascii(6)),
  row('04.00.04.05', 'rated current', 'R', ascii(6)),
  row('04.00.04.06', 'maximum current', 'R', ascii(6)),
  row('04.00.04.07', 'accuracy class active', 'R', ascii(4)),
  row('04.00.04.08', 'accuracy class reactive', 'R', ascii(4)),
  row('04.00.04.09', 'active constant', 'R', number('imp/kWh', 3, 0)),
  row('04.00.04.0A', 'reactive constant', 'R', number('imp/kvarh', 3, 0)),
  row('04.00.04.0B', 'model', 'R', ascii(10)),
  row('04.00.04.0C', 'production date', 'R', ascii(10)),
  row('04.00.04.0D', 'protocol version', 'R', ascii(16)),
  row('04.00.04.0E', 'customer number', 'RW*', digits(6)),
  row('04.00.04.0F', 'position', 'RW', hex(11)),
  row('04.80.00.01', 'software version', 'R', ascii(32)),
  row('04.80.00.02', 'hardware version', 'R', ascii(32)),
  row('04.80.00.03', 'manufacturer number', 'R', ascii(32)),
]

/** State and mode words (facts §8.4, §8.6). */
const words: readonly RegisterEntry[] = [
  ...statusWordBits.map((names, index) => row(`04.00.05.0${index + 1}`, `status word ${index + 1}`, 'R', bits(2, names))),
  row('04.00.05.FF', 'all status words', 'R', ...statusWordBits.map((names) => bits(2, names))),
  row('04.00.05.08', 'key status word', 'R', bits(4)),
  row('04.00.06.01', 'active combination', 'RW', bits(1, combination)),
  row('04.00.06.02', 'reactive combination 1', 'RW', bits(1, quadrants)),
  row('04.00.06.03', 'reactive combination 2', 'RW', bits(1, quadrants)),
  row('04.00.07.01', 'speed of the modulated infrared port', 'RW', bits(1, speeds)),
  row('04.00.07.02', 'speed of the contact optical port', 'RW', bits(1, speeds)),
  row('04.00.07.03', 'speed of port 1', 'RW', bits(1, speeds)),
  row('04.00.07.04', 'speed of port 2', 'RW', bits(1, speeds)),
  row('04.00.07.05', 'speed of port 3', 'RW', bits(1, speeds)),
  row('04.00.08.01', 'working days of the week', 'RW', bits(1, weekdays)),
  row('04.00.08.02', 'day table of rest days', 'RW', small),
  row('04.00.09.01', 'load record mode', 'RW', bits(1, loadModes)),
  row('04.00.09.02', 'timed freeze mode', 'RW', bits(1, freezeModes)),
  row('04.00.09.03', 'instantaneous freeze mode', 'RW', bits(1, freezeModes)),
  row('04.00.09.04', 'agreed freeze mode', 'RW', bits(1, freezeModes)),
  row('04.00.09.05', 'hourly freeze mode', 'RW', bits(1, freezeModes)),
  row('04.00.09.06', 'daily freeze mode', 'RW', bits(1, freezeModes)),
  row('04.00.11.01', 'run feature word', 'RW', bits(1)),
  row('04.00.11.04', 'active report mode', 'RW', bits(8)),
  row('04.00.15.01', 'active report status', 'R', bits(12)),
  row('04.00.15.03', 'reset of the active report status', 'W', bits(12)),
]

/** Load record, settlement, limits (facts §8.4). */
const settings: readonly RegisterEntry[] = [
  row('04.00.0A.01', 'start of the load record', 'RW', time('MMDDhhmm')),
  row('04.00.0A.02-07', 'interval of a load record class', 'RW', number('min', 2, 0)),
  row('04.00.0B.01-03', 'settlement day', 'RW', time('DDhh')),
  row('04.00.0C.01-0A', 'password', 'W', hex(4)),
  row('04.00.0D.01-0C', 'line and transformer coefficient', 'RW', coefficient),
  row('04.00.0E.01', 'upper limit of forward active power', 'RW', power),
  row('04.00.0E.02', 'upper limit of reverse active power', 'RW', power),
  row('04.00.0E.03', 'upper limit of voltage', 'RW', volts),
  row('04.00.0E.04', 'lower limit of voltage', 'RW', volts),
  row('04.00.0F.01', 'alarm energy 1', 'RW*', energyKwh),
  row('04.00.0F.02', 'alarm energy 2', 'RW*', energyKwh),
  row('04.00.0F.03', 'hoarding limit of energy', 'RW*', energyKwh),
  row('04.00.0F.04', 'overdraft limit of energy', 'RW*', energyKwh),
  row('04.00.10.01', 'alarm money 1', 'RW*', money),
  row('04.00.10.02', 'alarm money 2', 'RW*', money),
  row('04.00.10.03', 'overdraft limit of money', 'RW*', money),
  row('04.00.10.04', 'hoarding limit of money', 'RW*', money),
  row('04.00.10.05', 'money from which closing is allowed', 'RW*', money),
  row('04.00.10.06', 'refund amount', 'RW*', money),
  row('04.00.12.01', 'start of the hourly freeze', 'RW', switchTime),
  row('04.00.12.02', 'interval of the hourly freeze', 'RW', number('min', 1, 0)),
  row('04.00.12.03', 'time of the daily freeze', 'RW', time('hhmm')),
  row('04.00.13.01', 'signal strength of the radio module', 'R', small),
  row('04.00.14.01', 'delay before a trip', 'RW*', number('min', 2, 0)),
  row('04.00.14.02', 'delay before a close', 'RW*', number('min', 2, 0)),
]

/** Time tables and prices (facts §8.5). Entries of three bytes are each reversed on their own. */
const tables: readonly RegisterEntry[] = [
  table('04.01,02.00.00', 'year zones', 'RW*', list(14, time('MMDDNN'))),
  table('04.01,02.00.01-08', 'day table', 'RW*', list(14, time('hhmmNN'))),
  row('04.03.00.01-FE', 'holiday and its day table', 'RW', time('YYMMDDNN')),
  // The basic text has the register alone; later meters add which of its values is shown.
  table('04.04.01,02.01-FE', 'display screen', 'RW', either(record(hex(4), small), record(hex(4)))),
  row('04.05.01,02.01-3F', 'price of a tariff', 'RW*', price),
  row('04.06.00,02.01-3F', 'upper bound of a step', 'RW*', energyKwh),
  row('04.06.01,03.01-3F', 'price of a step', 'RW*', price),
  row('04.06.04,05.FF', 'step table', 'RW*', ...times(6, energyKwh), ...times(7, price), ...times(6, time('MMDDhh'))),
]

const seconds = number('s', 1, 0)
const percent = number('%', 2, 2)
const amperes = number('A', 3, 4)
const demandKvar = number('kvar', 3, 4)

/** Thresholds of events `0409 xx nn`: for each event its items in order (facts §8.5; formats of items 07 to 0F from the standard's table). */
const thresholds: readonly (readonly [xx: string, event: string, items: readonly Field[]])[] = [
  ['01', 'voltage loss', [volts, volts, amperes, seconds]],
  ['02', 'under-voltage', [volts, seconds]],
  ['03', 'over-voltage', [volts, seconds]],
  ['04', 'phase break', [volts, amperes, seconds]],
  ['05', 'voltage imbalance', [percent, seconds]],
  ['06', 'current imbalance', [percent, seconds]],
  ['07', 'current loss', [volts, amperes, amperes, seconds]],
  ['08', 'over-current', [number('A', 2, 1), seconds]],
  ['09', 'current break', [volts, amperes, seconds]],
  ['0A', 'power reverse', [power, seconds]],
  ['0B', 'overload', [power, seconds]],
  ['0C', 'voltage quality', [volts, volts, volts, volts]],
  // The sources disagree whether the delay of this one counts seconds or minutes.
  ['0D', 'demand over limit', [power, demandKvar, small]],
  ['0E', 'power factor low', [coefficient, seconds]],
  ['0F', 'severe current imbalance', [percent, seconds]],
]

/** Parameters, tables and thresholds `04 …` (facts §8.4, §8.5). */
export const parameterRegisters: readonly RegisterEntry[] = [
  ...basics,
  ...identity,
  ...words,
  ...settings,
  ...tables,
  ...thresholds.flatMap(([xx, event, items]) =>
    items.map((field, index) => row(`04.09.${xx}.0${index + 1}`, `threshold of ${event}, item ${index + 1}`, 'RW', field)),
  ),
]
