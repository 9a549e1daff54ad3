/**
 * The filters and topics of a broker: 2,000 sites of 10 devices, each device a client with filters of its own, and dashboards
 * and rules with wildcards above them. The same in every process.
 */
const sites = 2_000
const devices = 10
const kinds = ['temperature', 'humidity', 'power', 'state'] as const

function deviceOf(site: number, device: number): string {
  return `building/site-${site}/device-${device}`
}

/** Of each device. */
function ofDevice(site: number, device: number): string[] {
  const at = deviceOf(site, device)
  return [`${at}/command`, `${at}/config/${kinds[device % 4]}/set`, `${at}/+/get`, `${at}/firmware/#`]
}

/** Of each site, for those who look at it. */
function ofSite(site: number): string[] {
  const at = `building/site-${site}`
  return [
    `${at}/#`,
    `${at}/+/sensor/${kinds[site % 4]}`,
    `${at}/+/sensor/+`,
    `${at}/device-${site % devices}/sensor/#`,
    `building/+/device-${site % devices}/sensor/${kinds[site % 4]}/site-${site}`,
    `alarm/${site % 50}/site-${site}/+/level/+`,
    `alarm/+/site-${site}/#`,
    `+/site-${site}/device-1/state`,
    `report/site-${site}/daily`,
    `report/site-${site}/+/summary`,
  ]
}

const siteNumbers = Array.from({ length: sites }, (_, site) => site)
const deviceNumbers = Array.from({ length: devices }, (_, device) => device)

/** 100,000 of them, none twice. */
export const filters: readonly string[] = siteNumbers.flatMap((site) => [
  ...deviceNumbers.flatMap((device) => ofDevice(site, device)),
  ...ofSite(site),
])

/** 20,000 topics, one a device, of the kinds that devices send and receive. */
export const topics: readonly string[] = siteNumbers.flatMap((site) =>
  deviceNumbers.map((device) => {
    const at = deviceOf((site * 733) % sites, device)
    const kind = kinds[(site + device) % 4]!
    return [
      `${at}/sensor/${kind}`,
      `${at}/command`,
      `${at}/config/${kind}/set`,
      `${at}/firmware/part/${site % 16}`,
      `${at}/sensor/${kind}/raw`,
      `alarm/${site % 50}/site-${site}/device-${device}/level/${device % 3}`,
      `${at}/${kind}/get`,
    ][(site * devices + device) % 7]!
  }),
)
