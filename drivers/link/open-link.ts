import type { LinkSpec } from './link-url.js'
import type { LinkWorld, ReopeningLink } from './reopening-link.js'
import { serialLink } from './serial.js'
import { tcpLink } from './tcp.js'

/** Makes the link that an address asks for; `start` opens it. `name` is how logs call it. */
export function createLink(spec: LinkSpec, world: LinkWorld, name?: string): ReopeningLink {
  switch (spec.kind) {
    case 'serial':
      return serialLink(spec, world, name)
    case 'tcp':
      return tcpLink(spec, world, name)
  }
}
