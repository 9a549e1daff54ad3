/** What sensors measure here; others have no unit. */
const units: Readonly<Record<string, string>> = { temperature: '°C', humidity: '%', power: 'W', pressure: 'hPa' }

export function unitOf(quantity: string): string {
  return units[quantity] ?? ''
}

export function titleOf(quantity: string): string {
  const unit = unitOf(quantity)
  return quantity.charAt(0).toUpperCase() + quantity.slice(1) + (unit && `, ${unit}`)
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

/** Four digits or so, always as many after the point: numbers that change must not jump. */
export function shortNumber(value: number): string {
  return (Math.abs(value) < 1_000 ? tenths : whole).format(value)
}

/** Colours of lines, in order; then they come again. */
const colours = 8

export function colourOf(index: number): string {
  return `--series-${(index % colours) + 1}`
}
