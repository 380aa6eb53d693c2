import { parseLinkUrl } from '../../drivers/link/link-url.js'
import { nextAfter } from '../../src/calendar.js'
import { fail, ok } from '../../src/model/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { modbusProtocol, modbusProtocolName, parseModbusMap } from '../../src/protocols/modbus/index.js'
import type { SettingsChecks } from '../../src/settings/index.js'

/** The checks of the real parts: cron by the calendar, registers by DL/T 645-2007, links by `drivers/link`. */
export const settingsChecks: SettingsChecks = {
  nextAfter,
  protocols: new Map([[dlt645.name, dlt645]]),
  drivers: new Map([
    [
      'rs485',
      (url, options) => {
        const [key] = Object.keys(options)
        return key === undefined
          ? parseLinkUrl(url)
          : fail([{ code: 'unknown-key', at: `options.${key}`, message: 'rs485 knows no options' }])
      },
    ],
  ]),
  modbusMaps: {
    protocolName: (name) => modbusProtocolName({ name }),
    protocolOf: (document) => {
      const map = parseModbusMap(document)
      return map.ok ? ok(modbusProtocol(map.value)) : map
    },
  },
}
