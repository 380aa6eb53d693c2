import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { openBroker } from '../../src/uplink/broker.js'
import type { BrokerSettings, TlsMemory } from '../../src/uplink/broker.js'
import { createUplink } from '../../src/uplink/index.js'
import { Mosquitto } from '../helpers/mosquitto.js'
import { RecordStore } from '../helpers/record-store.js'
import {
  brokerAt,
  concentrator,
  master,
  quickPace,
  realClock,
  realTimers,
  recordsOf,
  scratch,
  silentLog,
  stationAt,
  until,
} from '../helpers/uplink-bench.js'

/** What a broker lets a concentrator do. */
const acl = ['topic write wk/1/+/dcu-1/up/#', 'topic read wk/1/+/dcu-1/dn/#']

await t.test('mutual TLS: the certificate’s name is client id and user, nobody else gets in', async (t) => {
  const folder = scratch(t)
  makeCertificates(folder)
  writeFileSync(join(folder, 'acl'), ['user station', 'topic readwrite wk/#', `user ${concentrator}`, ...acl, ''].join('\n'))
  const secure = await Mosquitto.start([
    `acl_file ${join(folder, 'acl')}`,
    ...['cafile ca.crt', 'certfile server.crt', 'keyfile server.key'].map((line) => line.replace(' ', ` ${folder}/`)),
    'require_certificate true',
    'use_identity_as_username true',
  ])
  const store = new RecordStore()
  const make = (over: Partial<BrokerSettings>) =>
    createUplink({
      settings: {
        concentrator,
        software: 'test',
        keepAliveS: 270,
        masters: [{ master, brokers: [{ ...brokerAt(secure.url.replace('mqtt:', 'mqtts:')), ...over }] }],
        pace: quickPace,
      },
      store,
      intake: () => Promise.resolve({ accepted: false, code: 'not-allowed', message: '' }),
      clock: realClock,
      timers: realTimers,
      random: { next: () => 0.5 },
      log: silentLog,
      parameterHash: () => '',
    })
  const tls = (name: string) => ({
    caPath: join(folder, 'ca.crt'),
    certPath: join(folder, `${name}.crt`),
    keyPath: join(folder, `${name}.key`),
    servername: 'localhost',
  })
  const uplink = make({ tls: tls(concentrator) })
  const bare = make({ tls: { ...tls(concentrator), certPath: null, keyPath: null }, clientId: 'bare' })
  const station = stationAt(secure.url, join(folder, 's.db'), {
    broker: { ...brokerAt(secure.url.replace('mqtt:', 'mqtts:')), tls: tls('station') },
  })
  t.teardown(async () => {
    await Promise.all([uplink.close(), bare.close(), station.close()])
    await secure.stop()
  })
  store.append('event', { code: 'hello' })
  station.start()
  uplink.start()
  bare.start()
  await until('delivered', () => recordsOf(station, 'event').length === 1)
  await until('refused', () => (bare.state()[0]?.reconnects ?? 0) > 0)
  t.not(bare.state()[0]?.state, 'online')
})

await t.test('a second connection resumes the TLS session of the first', async (t) => {
  const folder = scratch(t)
  makeCertificates(folder)
  const server = createServer({
    key: readFileSync(join(folder, 'server.key')),
    cert: readFileSync(join(folder, 'server.crt')),
  })
  const reused: boolean[] = []
  server.on('secureConnection', (socket: TLSSocket) => {
    reused.push(socket.isSessionReused())
    socket.on('error', () => undefined)
    socket.end('bye')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const settings: BrokerSettings = {
    ...brokerAt(`mqtts://127.0.0.1:${port}`),
    tls: { caPath: join(folder, 'ca.crt'), certPath: null, keyPath: null, servername: 'localhost' },
  }
  const memory: TlsMemory = { session: undefined }
  for (let i = 0; i < 3; i++) {
    const { socket } = openBroker(settings, memory)
    socket.resume()
    await once(socket, 'close')
  }
  t.strictSame(reused, [false, true, true])
})

await t.test('a file that is missing is the reason the connection closed for', async (t) => {
  const settings = { ...brokerAt('mqtts://127.0.0.1:1'), password: () => readFileSync(join(scratch(t), 'none'), 'utf8') }
  t.throws(() => openBroker(settings, { session: undefined }), { code: 'ENOENT' })
})

/** A small authority and three certificates, as the openssl command makes them. */
function makeCertificates(folder: string): void {
  const openssl = (...words: readonly string[]): void => {
    execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' })
  }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test authority', '-days', '2')
  for (const name of ['server', concentrator, 'station']) {
    const commonName = name === 'server' ? 'localhost' : name
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${commonName}`)
    writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost')
    const extension = name === 'server' ? ['-extfile', 'names'] : []
    const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', ...extension]
    openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.crt`)
  }
}
