import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { simulatedPassword } from '../../drivers/simulated/area-options.js'
import { connectConsole } from '../../src/console/client.js'
import { columnsMax } from '../../src/console/columns.js'
import { signEnvelope } from '../../src/control/envelope.js'
import { epochMs, keyId } from '../../src/model/index.js'
import { systemTimers } from '../../src/runtime/system-clock.js'
import { ConsoleSite, keyOf, unlocked } from '../helpers/console-site.js'
import { siteConcentrator } from '../helpers/e2e-site.js'

const pin = '73-bergamot'
const patienceMs = 40_000

t.setTimeout(240_000)

await t.test('a technician on site, without any network', async (t) => {
  const site = await ConsoleSite.start(t)
  const key = join(site.folder, 'anna.pem')
  const env = { WATTKEEP_KEY: key, WATTKEEP_PIN: pin }

  await t.test('sees how the box is', async (t) => {
    t.match(await site.json(['status']), {
      concentrator: siteConcentrator,
      clockTrusted: true,
      moneySafe: true,
      links: [{ link: 'bus1', up: true, meters: 4 }],
      uplink: [{ master: 'hq', broker: /^mqtt:/ }],
      store: { state: 'fresh' },
    })
    const text = await site.run(['status'])
    t.match(text.out, /^DCU-E2E {2}wattkeep .* up /)
    t.match(text.out, /bus1 {2}up /)
    t.equal(text.status, 0)
    t.match(await site.json(['meters']), { meters: [{ meter: 'm1-001', link: 'bus1', account: null }, {}, {}, {}] })
    t.match((await site.run(['meters'])).out, /m1-004/)
  })

  await t.test('reads a meter', async (t) => {
    const read = await site.json(['read', 'm1-001', '0001FF00', '02010100'])
    t.match(read, { ok: true, meter: 'm1-001', reads: [{ register: '0001FF00', error: null }, { values: [{ unit: 'V' }] }] })
    t.match((await site.run(['read', 'm1-001', '02010100'])).out, /^meter m1-001 \(\d{12}\)\n02010100 {2}\d+\.\d V\n$/)
    const word = await site.run(['read', 'm1-001', '04000503'])
    t.match(word.out, /\n04000503 {2}[0-9A-F]{4} \([a-z0-9 -]+\)\n$/, 'a status word with the names of its bits')
    const [bare] = ((await site.json(['read', 'm1-001', '04000503'])) as ReadAnswer).reads
    t.strictSame(Object.keys(bare?.values[0] ?? {}), ['value', 'unit'], 'which data do not have')
    const refused = await site.json(['read', 'm1-001', '0E0E0E0E'])
    t.match(refused, { ok: true, reads: [{ error: { code: 'refused' } }] }, 'a refusal is an answer')
    for (const args of [
      ['read', 'm9', '02010100'],
      ['read', 'm1-001', 'volts'],
      ['read', 'm1-001'],
    ]) {
      t.equal((await site.run(args)).status, 2, args.join(' '))
    }
  })

  await t.test('makes a key that only the PIN opens', async (t) => {
    const short = await site.run(['key', 'new', '--out', key], { env: { WATTKEEP_PIN: '1234' } })
    t.match(short, { status: 2, err: /PIN: expected at least 6 characters/ })
    t.match(await site.run(['key', 'new', '--out', key]), { status: 2, err: /--pin-file FILE or WATTKEEP_PIN/ }, 'nobody to ask')
    t.notOk(existsSync(key))
    const made = await site.run(['key', 'new', '--out', key], { env })
    t.equal(made.status, 0)
    t.match(made.out, /publicKey: [\w-]{43} \}/)
    t.equal(statSync(key).mode & 0o777, 0o600)
    t.match(readFileSync(key, 'utf8'), /BEGIN ENCRYPTED PRIVATE KEY/)
    const before = readFileSync(key, 'utf8')
    t.match(await site.run(['key', 'new', '--out', key], { env }), { status: 2, err: /exists already/ })
    t.equal(readFileSync(key, 'utf8'), before)
  })

  await t.test('orders nothing before the master knows the key', async (t) => {
    t.match(await site.run(['order', 'alarm', 'm1-001', 'on'], { env }), { status: 2, err: /not registered here/ })
    await refusedByDaemon(t, site)
    const anna = /publicKey: ([\w-]{43})/.exec((await site.run(['key', 'new', '--out', `${key}.2`], { env })).out)?.[1]
    t.ok(anna)
    const keys = ['anna', 'eve'].map((id) => ({ id, file: join(site.folder, `${id}.pem`) }))
    const viewer = keyOf(null)
    writeFileSync(keys[1]?.file ?? '', viewer.privatePem, { mode: 0o600 })
    const set = {
      keys: [
        { id: 'anna', role: 'technician', publicKey: anna },
        { id: 'eve', role: 'viewer', publicKey: viewer.publicKey },
      ],
    }
    writeFileSync(join(site.folder, 'keys.json'), JSON.stringify(set))
    const args = ['order', 'set-parameters', 'keys', join(site.folder, 'keys.json'), '--key', site.masterKey, '--wait']
    t.match(await site.run(args), { status: 0, out: /journalled \(key hq-1, its number 1\)[^]*done/ })
  })

  await t.test('orders with the own key on the same path as the master', async (t) => {
    const own = { WATTKEEP_KEY: `${key}.2`, WATTKEEP_PIN: pin }
    t.match(await site.json(['order', 'alarm', 'm1-002', 'on', '--wait'], { env: own }), {
      ok: true,
      key: 'anna',
      number: 1,
      outcome: {
        by: 'console',
        origin: 'anna',
        kind: 'alarm',
        stage: 'done',
        evidence: { answer: 'accepted', frame: /^(FE)*68/ },
      },
    })
    t.match(await site.run(['order', 'read-now', 'm1-002', '02010100', '--wait'], { env: own }), {
      status: 0,
      out: /02010100 \d+\.\d V/,
    })
    const shown = await site.run(['trace', 'bus1', '--count', '200'])
    const ordered = /dlt645-2007 request \d{12} 1C: command alarm-on, expiry \d{4}(-\d\d){2} \d\d(:\d\d){2}/
    t.match(flat(shown.out), ordered, 'the trace says what was ordered')
    t.match(flat(shown.out), /\(\d\d bytes, credentials not shown\)/)
    const pinFile = join(site.folder, 'pin')
    writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 })
    const byFile = ['order', 'alarm', 'm1-002', 'off', '--pin-file', pinFile]
    t.match(await site.run(byFile, { env: { WATTKEEP_KEY: `${key}.2` } }), { status: 0, out: /its number 3\)/ })
    t.match(await site.json(['orders']), { orders: [{ kind: 'set-parameters', stage: 'done' }, { kind: 'alarm' }, {}, {}] })
  })

  await t.test('a wrong PIN, a wrong role, a wrong word and an open file are refused', async (t) => {
    const wrong = { WATTKEEP_KEY: `${key}.2`, WATTKEEP_PIN: '73-bergamut' }
    t.match(await site.run(['order', 'disconnect', 'm1-002'], { env: wrong }), {
      status: 2,
      err: /the PIN does not open the key/,
    })
    const viewer = ['--key', join(site.folder, 'eve.pem')]
    t.match(await site.run(['order', 'disconnect', 'm1-002', ...viewer]), {
      status: 1,
      out: /^refused: not-allowed: a viewer may not/,
    })
    t.match(await site.json(['events', '--code', 'order.refused', '--count', '1']), {
      events: [{ detail: { reason: 'not-allowed', origin: 'eve#1' } }],
    })
    t.match(await site.json(['order', 'set-parameters', 'tariffs', join(site.folder, 'keys.json'), ...viewer]), {
      ok: false,
      refused: { code: 'not-allowed' },
    })
    for (const args of [
      ['alarm', 'm1-002', 'maybe'],
      ['set-time', 'noon'],
      ['protect', 'm1-002', 'on', '--until', '2026-02-30 08:00'],
    ]) {
      t.equal((await site.run(['order', ...args, ...viewer])).status, 2, args.join(' '))
    }
    writeFileSync(join(site.folder, 'open.pem'), 'x', { mode: 0o644 })
    const exposed = await site.run(['order', 'disconnect', 'm1-002', '--key', join(site.folder, 'open.pem')])
    t.match(exposed, { status: 2, err: /others may read it \(mode 0644\)/ })
  })

  await t.test('learns why a customer was cut, and sees the frame that caused it', async (t) => {
    const limits = { alarm1: '6', alarm2: '3', overdraft: '0', closePermitted: '1', hoarding: '0', largestCredit: '0' }
    const opening = { kind: 'open-account', account: 'a1', meter: 'm1-003', unit: 'money', tariff: 'dear', limits, opening: '9' }
    t.match(await site.masterOrder(opening), { accepted: true })
    t.match(await site.json(['account']), { accounts: [{ account: 'a1', meter: 'm1-003', unit: 'money' }] })
    await site.area.ask({ do: 'load', meter: 'm1-003', watts: 40_000 })
    await untilCut(site)
    const why = await site.run(['why', 'a1'])
    t.equal(why.status, 0)
    t.match(
      flat(why.out),
      /normal -> alarm1: the balance of [\d.]+ yuan is not above alarm 1 \(6\.00 yuan\)\. Reading [\d.]+ kWh/,
    )
    t.match(flat(why.out), /-> disconnecting: the balance of -?[\d.]+ yuan is used up .* and no guard held/)
    t.match(flat(why.out), /Order \d+: the rules ordered disconnect: done after 1 attempt\. Evidence: .*contact open/)
    t.match(flat(why.out), /-> disconnected: the relay was read back open/)
    const told = (await site.json(['why', 'm1-003'])) as { readonly lines: readonly { readonly text: string }[] }
    t.ok(told.lines.every(({ text }) => text.length > 0))
    t.match(await site.run(['account', 'a1']), { status: 0, out: /state +disconnected[^]*relay +open/ })
    t.match(await site.json(['account', 'a1']), {
      account: { state: 'disconnected' },
      entries: [{ kind: 'open' }, { kind: 'charge' }],
    })

    const events = (await site.json(['events', '--account', 'a1', '--count', '50'])) as Events
    const transition = events.events.find(({ detail }) => detail['to'] === 'disconnecting')
    const show = (await site.json(['events', '--show', String(transition?.seq)])) as Frames
    const address = await addressOf(site, 'm1-003')
    t.ok(show.frames.some(({ direction, decoded }) => direction === 'in' && decoded?.address === address && decoded?.di !== null))
    t.match((await site.run(['events', '--show', String(transition?.seq)])).out, /frames on link bus1 before it:[^]*reply/)
  })

  await t.test('finds traces, gaps and the state of everything', async (t) => {
    const traced = await site.run(['trace', 'bus1', '--count', '20'])
    t.match(traced, { status: 0, out: /^link bus1 is up\n\d\d:\d\d:\d\d\.\d{3} {2}(out|in|state)/ })
    t.match(await site.run(['trace', 'bus7']), { status: 2, err: /expected one of bus1, got bus7/ })
    const followed = await site.run(['trace', 'bus1', '--follow', '--count', '1'], {
      onStart: ({ kill, onOutput }) => {
        let first = ''
        let isEnding = false
        onOutput((text) => {
          if (first === '') first = text
          // A second Ctrl-C would end it the hard way.
          else if (text !== first && !isEnding) {
            isEnding = true
            kill('SIGINT')
          }
        })
      },
    })
    t.equal(followed.status, 0, 'Ctrl-C ends it')
    t.match(await site.run(['gaps']), { status: 0 })
    t.match(await site.json(['gaps', '--day', '2026-01-01', '--meter', 'm1-001']), { gaps: [], more: false })
    t.match(await site.json(['gaps', '--from', '2026-01-01 06:00', '--to', '2026-01-02']), {
      gaps: [],
      from: Date.UTC(2025, 11, 31, 22),
    })
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['--day', 'yesterday'], /^wattkeep: --day: expected a date/],
      [['--day', '2026-03-01 08:00'], /^wattkeep: --day: expected a date such as 2026-03-01, got/],
      [['--from', '2026-02-30', '--to', 'noon'], /^wattkeep: --from: .*\nwattkeep: --to: /],
      [['--day', '2026-03-01', '--to', '2026-03-02'], /^wattkeep: --day: expected either --day or/],
      [['--from', '2026-03-02', '--to', '2026-03-01'], /^wattkeep: from: expected a time before/],
      [['--from', '2020-01-01'], /^wattkeep: from: expected at most 31 days/],
    ]
    for (const [args, err] of wrong) t.match(await site.run(['gaps', ...args]), { status: 2, out: '', err }, args.join(' '))
    const tested = await site.run(['self-test'])
    t.equal(tested.status, 1, 'the master is out of reach')
    t.match(tested.out, /ok +store +synchronous FULL/)
    t.match(tested.out, /FAILED +uplink hq/)
    t.match(await site.json(['events', '--code', 'console']), {
      events: [{ code: 'console.self-test', detail: { failed: 'uplink hq' } }],
    })
  })

  await t.test('reads it on a terminal of 80 columns, and no secret anywhere', async (t) => {
    for (const args of [
      ['status'],
      ['meters'],
      ['account'],
      ['account', 'a1'],
      ['why', 'a1'],
      ['events', '--count', '100'],
      ['orders'],
      ['trace', 'bus1'],
      ['self-test'],
    ]) {
      const { out } = await site.run(args)
      const long = out.split('\n').filter((line) => [...line].length > columnsMax)
      t.strictSame(long, [], args.join(' '))
    }
    const all = [...site.said, ...site.daemon.lines.map((line) => JSON.stringify(line)), site.daemon.said].join('\n')
    const body = readFileSync(key, 'utf8').split('\n')[1] ?? ''
    for (const secret of [pin, '73-bergamut', simulatedPassword, body]) t.notOk(all.includes(secret))
  })

  await t.test('is told when the daemon is not there', async (t) => {
    t.match(await site.daemon.stop(), { code: 0 })
    t.notOk(existsSync(site.socket), 'a clean stop takes the socket away')
    t.match(await site.run(['status']), { status: 3, err: /there is no such socket; is the daemon running/ })
    t.match(await site.json(['status']), { ok: false, error: { code: 'no-daemon' } })
    t.match(await site.run(['check', site.config]), { status: 0, out: /^DCU-E2E: 1 link, 4 meters, / })
  })
})

interface Events {
  readonly events: readonly { readonly seq: number; readonly detail: Readonly<Record<string, unknown>> }[]
}

interface ReadAnswer {
  readonly reads: readonly { readonly values: readonly object[] }[]
}

interface Frames {
  readonly frames: readonly {
    readonly direction: string
    readonly decoded: { readonly address?: string; readonly di?: string | null } | null
  }[]
}

/** Whoever signs without being registered gets no further than an event. */
async function refusedByDaemon(t: Test, site: ConsoleSite): Promise<void> {
  const client = await connectConsole(site.socket, systemTimers)
  if (!client.ok) throw new Error(client.error.message)
  const { privateKey } = unlocked(keyOf(null).privatePem)
  const now = Date.now()
  const envelope = signEnvelope(keyId('mallory'), privateKey, {
    concentrator: siteConcentrator,
    number: 1,
    notBefore: epochMs(now - 1000),
    expiry: epochMs(now + 60_000),
    body: { kind: 'set-clock', meter: 'all' },
  })
  t.match(await client.value.ask({ ask: 'submit', envelope }), { ok: true, value: { accepted: false, code: 'unknown-key' } })
  client.value.close()
  t.match(await site.json(['events', '--count', '1']), {
    events: [{ code: 'order.refused', detail: { reason: 'unknown-key', origin: 'mallory' } }],
  })
}

async function untilCut(site: ConsoleSite): Promise<void> {
  for (const since = Date.now(); Date.now() - since < patienceMs;) {
    const { accounts } = (await site.json(['account'])) as { readonly accounts: readonly { readonly state: string }[] }
    if (accounts[0]?.state === 'disconnected') return
  }
  throw new Error(`the account was not cut in ${patienceMs} ms: ${(await site.run(['why', 'a1'])).out}`)
}

async function addressOf(site: ConsoleSite, meter: string): Promise<string | undefined> {
  const { meters } = (await site.json(['meters'])) as {
    readonly meters: readonly { readonly meter: string; readonly address: string }[]
  }
  return meters.find((known) => known.meter === meter)?.address
}

/** Wrapped lines joined again. */
function flat(text: string): string {
  return text.replace(/\n {2,}/g, ' ')
}
