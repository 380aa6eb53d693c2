import { bits, fields, list, number, plain, type ObjectEntry, type Shape } from './fields.js'

/** OI, attribute, name, shape. */
const rows: readonly (readonly [oi: string, attribute: number, name: string, shape?: Shape])[] = [
  ['4000', 2, 'clock'],
  ['4001', 2, 'address'],
  ['4002', 2, 'meter number'],
  ['4003', 2, 'customer number'],
  ['4004', 2, 'place'],
  ['4005', 2, 'group addresses'],
  ['4007', 2, 'display'],
  ['4008', 2, 'switching time of the zone table'],
  ['4009', 2, 'switching time of the day table'],
  ['400C', 2, 'numbers of zones and tables'],
  ['4010', 2, 'number of measuring elements'],
  ['4014', 2, 'present zone table'],
  ['4015', 2, 'spare zone table'],
  ['4016', 2, 'present day table'],
  ['4017', 2, 'spare day table'],
  ['4030', 2, 'voltage quality limits', fields(number('V', -1), number('V', -1), number('V', -1), number('V', -1))],
  ['4100', 2, 'demand period', number('min', 0)],
  ['4109', 2, 'active pulse constant', number('imp/kWh', 0)],
  ['410A', 2, 'reactive pulse constant', number('imp/kvarh', 0)],
  ['410B', 2, 'model'],
  ['4116', 2, 'settlement days'],
  ['4300', 3, 'version information'],
  ['4401', 2, 'password'],
  ['8000', 2, 'relay parameters'],
  ['8000', 3, 'relay output state', bits()],
  ['8000', 4, 'relay alarm state', bits()],
  ['8000', 5, 'relay command state', bits()],
  ['8001', 2, 'supply guarantee'],
  ['8002', 2, 'payment reminder'],
  ['F100', 2, 'security chip'],
  ['F101', 2, 'security mode', number('', 0)],
]

/** Parameters and the objects of relay and security (facts §4.3, §4.6). */
export const parameterRegisters: readonly ObjectEntry[] = rows.map(([oi, attribute, name, shape = plain]) => ({
  ois: [oi],
  attribute,
  name,
  shape,
}))

const freezes: readonly (readonly [oi: string, name: string])[] = [
  ['5000', 'instant freeze'],
  ['5001', 'second freeze'],
  ['5002', 'minute freeze'],
  ['5003', 'hour freeze'],
  ['5004', 'day freeze'],
  ['5005', 'settlement day freeze'],
  ['5006', 'month freeze'],
  ['5007', 'year freeze'],
  ['5008', 'freeze at a zone table switch'],
  ['5009', 'freeze at a day table switch'],
  ['500A', 'freeze at a tariff switch'],
  ['500B', 'freeze at a step switch'],
  ['5011', 'step settlement freeze'],
]

const events: readonly (readonly [oi: string, name: string])[] = [
  ['3011', 'power failure'],
  ['3013', 'meter clear'],
  ['301F', 'relay trip'],
  ['3020', 'relay close'],
  ['3028', 'purchase'],
  ['3029', 'refund'],
  ['302C', 'abnormal supply'],
]

/** Freezes, class 9, and events, class 7 (facts §4.4, §4.5). */
export const recordRegisters: readonly ObjectEntry[] = [
  ...freezes.flatMap(([oi, name]): ObjectEntry[] => [
    { ois: [oi], attribute: 2, name: `${name}: records`, shape: plain },
    { ois: [oi], attribute: 3, name: `${name}: what is kept`, shape: plain },
  ]),
  ...events.flatMap(([oi, name]): ObjectEntry[] => [
    { ois: [oi], attribute: 2, name: `${name}: records`, shape: plain },
    { ois: [oi], attribute: 4, name: `${name}: count`, shape: number('', 0) },
    {
      ois: [oi],
      attribute: 7,
      name: `${name}: count and time by source`,
      shape: list(fields(plain, fields(number('', 0), number('s', 0)))),
    },
  ]),
  { ois: ['3300'], attribute: 2, name: 'event report state', shape: list(plain) },
  { ois: ['3320'], attribute: 2, name: 'new events', shape: list(plain) },
]
