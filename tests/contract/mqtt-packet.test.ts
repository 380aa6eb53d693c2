import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import t from 'tap'
import { openMqttLink } from '../../src/uplink/mqtt-link.js'

await t.test('the packet writer of the MQTT library keeps no buffers of all packet numbers', async (t) => {
  const requireForMqtt = createRequire(createRequire(import.meta.url).resolve('mqtt'))
  const { cache } = requireForMqtt('mqtt-packet/numbers') as { readonly cache: Readonly<Record<number, Buffer>> }
  const link = openMqttLink(
    {
      ...{ version: 5, clientId: 'c', username: null, keepAliveS: 60, connectMs: 1_000, will: null, packetBytesMax: 65_536 },
      open: () => ({ socket: new Socket(), password: null }),
    },
    { onOpen: () => undefined, onMessage: () => undefined, onClosed: () => undefined },
  )
  // The library writes its CONNECT at once, and would fill the cache with it.
  t.same(Object.keys(cache), [])
  link.destroy()
})
