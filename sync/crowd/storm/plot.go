package main

import (
	"bytes"
	"fmt"
	"math"
)

// Sizes of the plot, in pixels.
const (
	plotWidth, plotHeight = 720, 360
	left, bottom, top     = 70, 40, 20
)

var colours = []string{"#888888", "#2a9d3a", "#1f6fb4", "#d1495b", "#8a4fbf", "#d98e04"}

// draw plots the bytes a second that the hub sends, on a logarithmic scale, against
// the time since its return.
func draw(all []*outcome) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight+20*len(all))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	x := func(i int) float64 { return left + float64(i)*float64(plotWidth-left-20)/float64(plotted/width) }
	y := func(n int) float64 {
		return plotHeight - bottom - (math.Log10(float64(max(n, 1000)))-3)*float64(plotHeight-bottom-top)/6
	}
	for power, unit := range []string{"1 KB/s", "10 KB/s", "100 KB/s", "1 MB/s", "10 MB/s", "100 MB/s", "1 GB/s"} {
		at := y(int(math.Pow10(3 + power)))
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, at, plotWidth-20, left-6, at+4, unit)
	}
	for s := 0; s <= int(plotted.Seconds()); s += 2 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d s</text>`+"\n", x(s*10), plotHeight-bottom+18, s)
	}
	for i, o := range all {
		colour := colours[i%len(colours)]
		fmt.Fprintf(&b, `<path fill="none" stroke="%s" stroke-width="1.5" d="`, colour)
		for j := range min(len(o.bins), int(plotted/width)) {
			fmt.Fprintf(&b, "%c%.1f %.1f", "ML"[min(j, 1)], x(j), y(10*o.bins[j].out))
		}
		fmt.Fprintf(&b, "\"/>\n"+`<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left, plotHeight+20*i, colour, o.name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
