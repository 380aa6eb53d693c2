import type { MeterId, OrderBody, RelayCommand } from '../model/index.js'

/** The relay an order is for, and what it tells it. */
export interface RelayTarget {
  readonly meter: MeterId
  readonly command: RelayCommand
}

/** @returns null when the order is about something else than a relay */
export function relayTargetOf(body: OrderBody): RelayTarget | null {
  switch (body.kind) {
    case 'disconnect':
      return { meter: body.meter, command: 'trip' }
    case 'permit-to-close':
      return { meter: body.meter, command: 'permit-to-close' }
    case 'alarm':
      return { meter: body.meter, command: body.on ? 'alarm-on' : 'alarm-off' }
    case 'protect':
      return { meter: body.meter, command: body.on ? 'protect-on' : 'protect-off' }
    case 'open-account':
    case 'close-account':
    case 'credit':
    case 'adjust':
    case 'agree':
    case 'read-now':
    case 'set-clock':
    case 'set-time':
    case 'replace-meter':
    case 'set-parameters':
    case 'replay':
      return null
  }
}
