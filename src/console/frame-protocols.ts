/**
 * Protocols whose frames `wattkeep frame` shows, in the order in which they are tried. Names alone, so that a help text loads no codec.
 * A frame that is right in both editions of DL/T 645 is taken for the newer one.
 */
export const frameProtocols = ['dlt645-2007', 'dlt645-1997', 'dlt698-45', 'gdw1376-2', 'modbus-rtu'] as const

/** The protocol in which a local module itself is asked. */
export const moduleProtocol = 'gdw1376-2'
