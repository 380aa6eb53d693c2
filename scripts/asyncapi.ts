import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { envelopeSchema } from '../src/control/envelope.js'
import { orderPayloadSchema } from '../src/control/order-schema.js'
import { streams } from '../src/model/index.js'
import { ackSchema, batchSchema, helloSchema, stateSchema } from '../src/uplink/messages.js'
import { streamLetters } from '../src/uplink/topics.js'

/**
 * The uplink's contract for machines, AsyncAPI 3, from the very schemas that judge the messages. `docs/asyncapi.json` is this text;
 * a test compares them. Write it anew with: node dist/scripts/asyncapi.js > docs/asyncapi.json
 */
export function asyncApi(): string {
  const channels = {
    state: channel('up/state', 'State', 'Retained; the last will is the same with online: false.'),
    hello: channel('up/hello', 'Hello', 'What there is to be had; the master answers at once with its marks.'),
    ...Object.fromEntries(
      streams.map((stream) => [stream, channel(`up/${streamLetters[stream]}`, 'Batch', `Records of ${stream}.`)]),
    ),
    acknowledgement: channel('dn/ack', 'Acknowledgement', 'Everything up to these marks is committed at the master.'),
    order: channel('dn/o', 'Order', 'One signed order.'),
  }
  const up = ['state', 'hello', ...streams]
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'Wattkeep uplink',
      version: '1',
      description:
        'A concentrator delivers its records to master stations and takes in their orders. docs/uplink.md tells it in words; this is made from the schemas in src by scripts/asyncapi.ts.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    channels,
    operations: {
      ...Object.fromEntries(up.map((name) => [`send-${name}`, operation('send', name, { qos: 1, retain: name === 'state' })])),
      'receive-acknowledgement': operation('receive', 'acknowledgement', { qos: 0, retain: false }),
      'receive-order': operation('receive', 'order', { qos: 1, retain: false }),
    },
    components: {
      parameters: {
        part: { description: 'First byte of SHA-256 of the concentrator’s id, two hexadecimal digits.' },
        concentrator: { description: '1–64 letters, digits, _ and -.' },
      },
      messages: {
        State: message('State', stateSchema),
        Hello: message('Hello', helloSchema),
        Batch: message('Batch', batchSchema),
        Acknowledgement: message('Acknowledgement', ackSchema),
        Order: message('Order', envelopeSchema),
      },
      schemas: {
        OrderPayload: { description: 'The bytes that an order’s signature covers.', ...jsonSchema(orderPayloadSchema) },
      },
    },
  }
  return `${JSON.stringify(document, null, 2)}
`
}

function channel(level: string, name: string, description: string) {
  return {
    address: `wk/1/{part}/{concentrator}/${level}`,
    description,
    parameters: {
      part: { $ref: '#/components/parameters/part' },
      concentrator: { $ref: '#/components/parameters/concentrator' },
    },
    messages: { [name]: { $ref: `#/components/messages/${name}` } },
  }
}

function operation(action: 'send' | 'receive', name: string, mqtt: { readonly qos: 0 | 1; readonly retain: boolean }) {
  return { action, channel: { $ref: `#/channels/${name}` }, bindings: { mqtt: { ...mqtt, bindingVersion: '0.2.0' } } }
}

function message(name: string, schema: z.ZodType) {
  return { name, payload: jsonSchema(schema) }
}

/** JSON schema of what is written on the wire. */
function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' })
  void $schema
  return rest
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) process.stdout.write(asyncApi())
