import { join } from 'node:path'
import t from 'tap'
import { startWires } from '../../scripts/wire-process.js'
import { createLink, parseLinkUrl, type ReopeningLink } from '../../drivers/link/index.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { lineLog } from '../helpers/line-log.js'
import { replyOf, requestOf } from '../helpers/test-protocol.js'
import { startTestServer } from '../helpers/test-server.js'

const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })

function linkTo(url: string): ReopeningLink {
  const parsed = parseLinkUrl(url)
  if (!parsed.ok) throw new Error(parsed.error.map(({ message }) => message).join('; '))
  return createLink(parsed.value, { clock, timers: systemTimers, random: systemRandom, log: lineLog().log })
}

/** Starts a link and waits for the first thing it tells. */
const firstState = (link: ReopeningLink): Promise<string> =>
  new Promise((resolve) => {
    link.onState((open, code) => resolve(`${open ? 'open' : 'down'}: ${code}`))
    link.start()
  })

/** Bytes until there are `count` of them. */
const received = (link: ReopeningLink, count: number): Promise<Uint8Array> =>
  new Promise((resolve) => {
    let bytes = new Uint8Array(0)
    link.onBytes((chunk) => {
      bytes = Uint8Array.of(...bytes, ...chunk)
      if (bytes.length >= count) resolve(bytes)
    })
  })

await t.test('a link says by a stable code why it is not open', async (t) => {
  const server = await startTestServer(0)
  await server.close()
  const cases: readonly (readonly [string, string])[] = [
    ['serial:/dev/no-such-port', 'down: no-device'],
    ['serial:/dev/null', 'down: open-failed'],
    [`tcp://127.0.0.1:${server.port}`, 'down: connection-refused'],
  ]
  for (const [url, state] of cases) {
    const link = linkTo(url)
    t.equal(await firstState(link), state, url)
    t.notOk(link.isOpen())
    await link.close()
  }
})

await t.test('a locked port is refused to a second process of ours, an unlocked one is not', async (t) => {
  const server = await startTestServer(0)
  const path = join(t.testdir({}), 'bus')
  const wires = await startWires({ wires: [{ link: path, connect: `127.0.0.1:${server.port}` }], baud: 19_200, replyDelayMs: 1 })
  const first = linkTo(`serial:${path}?baud=19200`)
  t.equal(await firstState(first), 'open: open')
  const second = linkTo(`serial:${path}?baud=19200`)
  t.equal(await firstState(second), 'down: locked')
  await second.close()
  const third = linkTo(`serial:${path}?baud=19200&lock=false`)
  t.equal(await firstState(third), 'open: open')
  await third.close()
  const reply = received(first, 5)
  t.strictSame(first.write(requestOf(7, 1)), { ok: true })
  t.strictSame(await reply, replyOf(7, 1, 8), 'and the first one still works')
  await first.close()
  await wires.stop()
  await server.close()
})

await t.test('every speed and parity that a meter may have opens', async (t) => {
  const server = await startTestServer(0)
  const path = join(t.testdir({}), 'bus')
  const wires = await startWires({ wires: [{ link: path, connect: `127.0.0.1:${server.port}` }], baud: 115_200, replyDelayMs: 0 })
  for (const options of [
    'baud=600',
    'baud=1200&parity=odd',
    'baud=2400',
    'baud=4800&parity=none',
    'baud=19200&stop=2',
    'baud=115200&bits=7',
  ]) {
    const link = linkTo(`serial:${path}?${options}`)
    t.equal(await firstState(link), 'open: open', options)
    await link.close()
  }
  await wires.stop()
  await server.close()
})

await t.test('a TCP server that drops its connection is called again', async (t) => {
  const server = await startTestServer(0)
  const link = linkTo(`tcp://127.0.0.1:${server.port}`)
  t.equal(await firstState(link), 'open: open')
  for (let i = 1; i <= 3; i++) {
    const reply = received(link, 5)
    t.ok(link.write(requestOf(7, i)).ok)
    t.strictSame(await reply, replyOf(7, i, 7 + i))
    const states: string[] = []
    const back = new Promise<void>((resolve) =>
      link.onState((open, code) => {
        states.push(code)
        if (open) resolve()
      }),
    )
    server.dropConnections()
    await back
    t.strictSame(states, ['peer-closed', 'open'])
  }
  t.equal(server.connections(), 4)
  await link.close()
  t.strictSame(link.write(requestOf(7, 1)), { ok: false, code: 'not-open' })
  await server.close()
})
