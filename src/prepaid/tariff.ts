import type { EpochMs, InputError, RateSwitch, Season, TariffVersion } from '../model/index.js'

/** DL/T 645 day tables hold 14 switch points; a day with more is refused. */
export const switchesMax = 14
/** DL/T 645 knows 63 rates; more are refused. */
export const ratesMax = 63
/** Seasons (time zones) of a year; more are refused. */
export const seasonsMax = 14

/**
 * Finds everything that keeps a version from pricing. A version with problems is never priced with: its accounts are held by the
 * guard `tariff-unverified`.
 *
 * @returns problems with the path inside the version; `unsupported` marks what the type allows and settlement does not do yet
 */
export function checkTariff(version: TariffVersion): readonly InputError[] {
  return [
    ...checkNumbers(version),
    ...checkSupport(version),
    ...version.prices.flatMap((price, index) =>
      price < 0n ? [problem('out-of-range', `prices[${index}]`, 'a price is 0 or more')] : [],
    ),
    ...checkSeasons(version),
    ...checkDays(version),
  ]
}

/**
 * Compares a new set of versions with the one in force: what has begun to apply may neither change nor vanish.
 *
 * @returns problems named by tariff and version; the versions themselves are checked by `checkTariff`
 */
export function checkTariffChange(
  inForce: readonly TariffVersion[],
  next: readonly TariffVersion[],
  now: EpochMs,
): readonly InputError[] {
  return [...checkUnique(next), ...inForce.filter((old) => old.effectiveFrom <= now).flatMap((old) => checkKept(old, next))]
}

function checkUnique(versions: readonly TariffVersion[]): readonly InputError[] {
  const names = new Set<string>()
  return versions.flatMap((version) => {
    const keys = [`${nameOf(version)}`, `${version.tariff} from ${version.effectiveFrom}`]
    const doubled = keys.some((key) => names.has(key))
    for (const key of keys) names.add(key)
    return doubled ? [problem('doubled', nameOf(version), 'number and beginning of a version are unique in its tariff')] : []
  })
}

function checkKept(old: TariffVersion, next: readonly TariffVersion[]): readonly InputError[] {
  const same = next.find((version) => version.tariff === old.tariff && version.version === old.version)
  if (same === undefined) return [problem('in-force', nameOf(old), 'a version that has begun to apply must stay in the set')]
  if (plainText(same) === plainText(old)) return []
  return [problem('in-force', nameOf(old), 'a version that has begun to apply never changes; make a new version')]
}

const nameOf = (version: TariffVersion): string => `${version.tariff}/${version.version}`

/** Text that is equal only for equal versions, whatever order their keys were written in. */
const plainText = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })

function checkNumbers(version: TariffVersion): readonly InputError[] {
  const problems: InputError[] = []
  if (version.tariff === '') problems.push(problem('missing', 'tariff', 'a tariff has a name'))
  if (!isWhole(version.version, 1, Number.MAX_SAFE_INTEGER)) {
    problems.push(problem('out-of-range', 'version', 'versions count from 1'))
  }
  if (!isWhole(version.utcOffsetMinutes, -720, 840)) {
    problems.push(problem('out-of-range', 'utcOffsetMinutes', 'minutes east of UTC, -720 to 840'))
  }
  if (version.prices.length < 1 || version.prices.length > ratesMax) {
    problems.push(problem('out-of-range', 'prices', `1 to ${ratesMax} rates`))
  }
  if (version.taxPpm < 0n || version.taxPpm > 1_000_000n) {
    problems.push(problem('out-of-range', 'taxPpm', 'millionths of the charge, 0 to 1000000'))
  }
  return problems
}

function checkSupport(version: TariffVersion): readonly InputError[] {
  const problems: InputError[] = []
  if (version.basis !== 'total-register') {
    problems.push(problem('unsupported', 'basis', 'only total-register can be priced by this version of Wattkeep'))
  }
  if (version.steps !== null && version.steps.bounds.length > 0) {
    problems.push(problem('unsupported', 'steps', 'step prices cannot be priced by this version of Wattkeep; leave steps empty'))
  }
  if (version.minimumMonthlyCharge !== 0n) {
    problems.push(
      problem(
        'unsupported',
        'minimumMonthlyCharge',
        'a minimum charge cannot be priced by this version of Wattkeep; set it to 0',
      ),
    )
  }
  return problems
}

function checkSeasons(version: TariffVersion): readonly InputError[] {
  const { seasons } = version
  if (seasons.length < 1 || seasons.length > seasonsMax) {
    return [problem('out-of-range', 'seasons', `1 to ${seasonsMax} seasons`)]
  }
  return seasons.flatMap((season, index) => {
    const at = `seasons[${index}]`
    const before = seasons[index - 1]
    const isLate = before === undefined || seasonOrder(before) < seasonOrder(season)
    return [
      ...(isDate(2024, season.from.month, season.from.day)
        ? []
        : [problem('bad-date', `${at}.from`, 'a month and day of the year')]),
      ...(isLate ? [] : [problem('order', `${at}.from`, 'seasons stand in order of their first day')]),
      ...checkDay(season.workday, `${at}.workday`, version.prices.length),
      ...checkDay(season.restday, `${at}.restday`, version.prices.length),
    ]
  })
}

const seasonOrder = (season: Season): number => season.from.month * 100 + season.from.day

function checkDay(switches: readonly RateSwitch[], at: string, rates: number): readonly InputError[] {
  if (switches.length < 1 || switches.length > switchesMax) {
    return [problem('out-of-range', at, `1 to ${switchesMax} switch points`)]
  }
  const problems: InputError[] = []
  let [least, most] = [0, 0]
  switches.forEach((point, index) => {
    if (!isWhole(point.minute, least, most)) {
      const rule = 'the first switch is at minute 0, each later one after the one before, up to 1439'
      problems.push(problem('order', `${at}[${index}].minute`, rule))
    }
    if (!isWhole(point.rate, 1, rates)) {
      problems.push(problem('out-of-range', `${at}[${index}].rate`, `a rate with a price, 1 to ${rates}`))
    }
    ;[least, most] = [point.minute + 1, 1439]
  })
  return problems
}

function checkDays(version: TariffVersion): readonly InputError[] {
  return [
    ...version.restWeekdays.flatMap((day, index) =>
      isWhole(day, 0, 6) ? [] : [problem('out-of-range', `restWeekdays[${index}]`, '0 (Sunday) to 6')],
    ),
    ...version.holidays.flatMap((date, index) =>
      isDateText(date) ? [] : [problem('bad-date', `holidays[${index}]`, 'a local date YYYY-MM-DD')],
    ),
  ]
}

function isDateText(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  return match !== null && isDate(Number(match[1]), Number(match[2]), Number(match[3]))
}

function isDate(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

const isWhole = (value: number, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && value >= least && value <= most

const problem = (code: string, at: string, message: string): InputError => ({ code, at, message })
