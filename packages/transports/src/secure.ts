import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { MqttError, type TlsInfo, type TransportInfo } from '@rxmqtt/core'
import { describe } from './socket.js'

/** Checks certificates and keys where they are given, not at the first peer. TLS 1.2 is the least unless said otherwise. */
export function secureContext<T extends SecureContextOptions>(options: T): T & { secureContext: SecureContext } {
  const { minVersion = 'TLSv1.2' } = options
  const strict = options.secureProtocol === undefined ? { ...options, minVersion } : options
  try {
    return { ...strict, secureContext: createSecureContext(strict) }
  } catch (cause) {
    throw new MqttError('invalid-option', `The TLS options cannot be used: ${(cause as Error).message}`, { cause })
  }
}

/** The TLS facts of a socket that has them. */
export function tlsInfo(socket: TLSSocket): TlsInfo {
  const { authorized, authorizationError, servername } = socket as TLSSocket & { servername?: string | false }
  const certificate = socket.getPeerCertificate() as object | null
  return {
    authorized,
    authorizationError: authorized || !authorizationError ? undefined : String(authorizationError),
    protocol: socket.getProtocol() ?? undefined,
    cipher: (socket.getCipher() as { name?: string } | undefined)?.name,
    servername: servername || undefined,
    peerCertificate: certificate !== null && Object.keys(certificate).length > 0 ? certificate : undefined,
  }
}

/** What a TLS socket says about itself. */
export function describeTls(kind: string, path?: string): (duplex: Duplex) => TransportInfo {
  const plain = describe(kind, path)
  return (duplex) => ({ ...plain(duplex), tls: tlsInfo(duplex as TLSSocket) })
}
