import {
  activePower,
  combinedKvarh,
  energyKvarh,
  energyKwh,
  list,
  minuteTime,
  number,
  reactivePower,
  record,
  times,
  type Field,
  type FreezeItem,
  type Layout,
  type RegisterEntry,
} from './fields.js'

/** Total and 63 tariffs. */
const tariffsMax = 64
const demandAndTime = [number('kW', 3, 4), minuteTime] as const
const powers = [...times(4, activePower), ...times(4, reactivePower)]

/** Items of a freeze, II, in order: code, name, element, whether it comes for the total and each tariff (facts §8.7). */
const items: readonly (readonly [ii: string, name: string, item: FreezeItem])[] = [
  ['00', 'time', { fields: [minuteTime], perTariff: false }],
  ['01', 'forward active energy', { fields: [energyKwh], perTariff: true }],
  ['02', 'reverse active energy', { fields: [energyKwh], perTariff: true }],
  ['03', 'combined reactive energy 1', { fields: [combinedKvarh], perTariff: true }],
  ['04', 'combined reactive energy 2', { fields: [combinedKvarh], perTariff: true }],
  ['05', 'reactive energy quadrant 1', { fields: [energyKvarh], perTariff: true }],
  ['06', 'reactive energy quadrant 2', { fields: [energyKvarh], perTariff: true }],
  ['07', 'reactive energy quadrant 3', { fields: [energyKvarh], perTariff: true }],
  ['08', 'reactive energy quadrant 4', { fields: [energyKvarh], perTariff: true }],
  ['09', 'forward active demand', { fields: demandAndTime, perTariff: true }],
  ['0A', 'reverse active demand', { fields: demandAndTime, perTariff: true }],
  ['10', 'active and reactive power', { fields: powers, perTariff: false }],
]

/** Kinds of freeze, TT. The hourly one keeps less (facts §8.7). */
const kinds: readonly (readonly [tt: string, name: string])[] = [
  ['00', 'timed freeze'],
  ['01', 'instantaneous freeze'],
  ['02', 'freeze at a zone table switch'],
  ['03', 'freeze at a day table switch'],
  ['05', 'freeze at a price switch'],
  ['06', 'daily freeze'],
  ['07', 'freeze at a step switch'],
]

const layoutOf = (fields: readonly Field[], perTariff: boolean): Layout =>
  perTariff ? list(tariffsMax, ...fields) : record(...fields)

/** FE is the oldest freeze there can be: 254 hourly, 62 daily (facts §10). */
const nth = '01-FE'

const itemRows = (tt: string, kind: string): readonly RegisterEntry[] =>
  items.map(([ii, name, item]) => ({
    di: `05.${tt}.${ii}.${nth}`,
    name: `${kind}: ${name}`,
    layout: layoutOf(item.fields, item.perTariff),
    access: 'R',
  }))

const hourlyItems: readonly FreezeItem[] = [
  { fields: [minuteTime], perTariff: false },
  { fields: [energyKwh], perTariff: false },
  { fields: [energyKwh], perTariff: false },
]

/** Freezes `05 TT II nn`, nn = 01 the last (facts §8.7). A freeze whose time is zero does not exist. */
export const freezeRegisters: readonly RegisterEntry[] = [
  ...[...kinds, ['04', 'hourly freeze'] as const].flatMap(([tt, kind]) => itemRows(tt, kind)),
  ...kinds.map(([tt, kind]): RegisterEntry => ({
    di: `05.${tt}.FF.${nth}`,
    name: `${kind}: all`,
    layout: { kind: 'freeze', items: items.map(([, , item]) => item) },
    access: 'R',
  })),
  { di: `05.04.FF.${nth}`, name: 'hourly freeze: all', layout: { kind: 'freeze', items: hourlyItems }, access: 'R' },
]
