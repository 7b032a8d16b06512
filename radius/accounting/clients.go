package accounting

import (
	"net/netip"
	"slices"

	"simtransfer/storage"
)

// clients finds the secret of a sender. It is not changed once it is made.
type clients struct {
	byNetwork map[netip.Prefix][]byte
	lengths   []lengths
}

// lengths are the prefix lengths of the networks of an address family.
type lengths struct {
	is4  bool
	bits []int // the longest first
}

func newClients(list []storage.AccountingClient) *clients {
	c := &clients{byNetwork: make(map[netip.Prefix][]byte, len(list)), lengths: []lengths{{is4: true}, {is4: false}}}
	for _, client := range list {
		network := client.Network.Masked()
		c.byNetwork[network] = client.Secret
		family := &c.lengths[0]
		if !network.Addr().Is4() {
			family = &c.lengths[1]
		}
		if !slices.Contains(family.bits, network.Bits()) {
			family.bits = append(family.bits, network.Bits())
		}
	}
	for i := range c.lengths {
		slices.Sort(c.lengths[i].bits)
		slices.Reverse(c.lengths[i].bits)
	}
	return c
}

// secret returns the secret of the smallest network that has an address.
func (c *clients) secret(address netip.Addr) ([]byte, bool) {
	family := c.lengths[0]
	if !address.Is4() {
		family = c.lengths[1]
	}
	for _, bits := range family.bits {
		network, err := address.Prefix(bits)
		if err != nil {
			continue // the address has fewer bits
		}
		if secret, ok := c.byNetwork[network]; ok {
			return secret, true
		}
	}
	return nil, false
}

func (c *clients) count() int { return len(c.byNetwork) }
