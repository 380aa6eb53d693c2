import {
  itemId,
  taskId,
  type ItemId,
  type ItemSource,
  type Meter,
  type Profile,
  type SiteParameters,
  type Task,
} from '../../src/model/index.js'

const minutes = 60_000
const hours = 60 * minutes
const days = 24 * hours

/** A profile as residential meters have it: total energy with daily freezes and load profile, voltage, power, status, clock. */
export function testProfile(changes: Partial<Profile> = {}): Profile {
  const items: [ItemId, ItemSource][] = [
    [
      itemId('energy'),
      {
        register: '0001FF00',
        dailyFreeze: { value: '05060101', time: '05060001', depthDays: 62 },
        loadRecord: { register: '06040001', from: 0, count: 1, depthDays: 30 },
      },
    ],
    [itemId('power'), { register: '02030000', loadRecord: { register: '06020001', from: 0, count: 1, depthDays: 30 } }],
    [itemId('status-3'), { register: '04000503' }],
    [itemId('clock'), { register: '0400010C' }],
  ]
  return {
    name: 'test',
    protocol: 'dlt645-2007',
    items: new Map(items),
    registerWrapKwh: 1_000_000,
    maxPowerKw: 60,
    billingItem: itemId('energy'),
    relay: true,
    ...changes,
  }
}

/** The usual tasks: freeze, 15-minute curve, status words and clock. */
export function testTasks(): Task[] {
  return [
    task('freeze', {
      kind: 'daily-freeze',
      cron: '5 0 * * *',
      items: ['energy'],
      priority: 'freeze',
      backfillDays: 3,
      closesAfterMs: 3 * days,
    }),
    task('curve', { kind: 'curve', cron: '*/15 * * * *', items: ['energy', 'power'], backfillDays: 1, closesAfterMs: days }),
    task('status', {
      kind: 'status',
      cron: '7 * * * *',
      items: ['status-3'],
      liveWindowMs: 30 * minutes,
      closesAfterMs: 40 * minutes,
    }),
    task('clock', {
      kind: 'clock',
      cron: '30 3 * * *',
      items: ['clock'],
      priority: 'clock-care',
      liveWindowMs: hours,
      closesAfterMs: hours,
    }),
  ]
}

type TaskChanges = Partial<Omit<Task, 'id' | 'items'>> & { readonly items?: readonly string[] }

/** A task of which a test names what matters to it. */
export function task(id: string, changes: TaskChanges = {}): Task {
  const { items = ['energy'], ...rest } = changes
  return {
    id: taskId(id),
    kind: 'curve',
    cron: '*/15 * * * *',
    meters: { all: true },
    priority: 'curve',
    backfillDays: 0,
    liveWindowMs: 10 * minutes,
    closesAfterMs: hours,
    ...rest,
    items: items.map(itemId),
  }
}

export function testSite(meters: readonly Meter[], changes: Partial<SiteParameters> = {}): SiteParameters {
  return {
    concentrator: 'test-1',
    utcOffsetMinutes: 480,
    meters,
    profiles: [testProfile()],
    tasks: testTasks(),
    tariffs: [],
    rules: {
      blocked: { night: null, weekdays: [], dates: [] },
      readingStaleAfterMs: hours,
      relayExpiryMs: minutes,
      wrapWindowPpm: 10_000,
    },
    retention: [],
    keys: [],
    ...changes,
  }
}
