/**
 * The network of an address, as far as one person has it to themselves: an IPv4 address, or the
 * /64 of an IPv6 one, within which a machine picks its addresses as it likes. IPv4 in IPv6
 * (::ffff:0:0/96, and 64:ff9b::/96 of RFC 6052) counts as IPv4. What is no address is returned.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const groups = expand(address);
  const prefix = groups.slice(0, 6).join(':');
  if (prefix === '0:0:0:0:0:ffff' || prefix === '64:ff9b:0:0:0:0') {
    return groups
      .slice(6)
      .map((group) => Number.parseInt(group, 16))
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** The eight groups of an IPv6 address, lower case and without leading zeros. */
function expand(address: string): string[] {
  const [head = [], tail = []] = address.split('::', 2).map(groupsOf);
  return [...head, ...Array(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail];
}

function groupsOf(part: string): string[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16).toString(16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
  });
}
