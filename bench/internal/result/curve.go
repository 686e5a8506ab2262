package result

import (
	"bytes"
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
)

// The picture's sizes, in pixels.
const (
	width, height            = 720, 420
	left, right, top, bottom = 70, 190, 40, 50
	plotWidth                = width - left - right
	plotHeight               = height - top - bottom
	lineHeight               = 20
)

// curve is the time of one contender over the number of apps, in one shape.
type curve struct {
	name   string
	points map[int]float64
}

// Draw returns an SVG with the seconds of W1 over the number of apps: both axes
// are logarithmic, so that a straight line of slope one is linear growth.
func Draw(set Set) []byte {
	curves := curvesOf(set)
	maxApps, minSeconds, maxSeconds := 1, math.Inf(1), 1.0
	minApps := math.MaxInt
	for _, c := range curves {
		for apps, seconds := range c.points {
			minApps, maxApps = min(minApps, apps), max(maxApps, apps)
			minSeconds, maxSeconds = min(minSeconds, seconds), max(maxSeconds, seconds)
		}
	}
	x := axis{float64(minApps), float64(maxApps), left, left + plotWidth}.snapped()
	y := axis{minSeconds, maxSeconds, top + plotHeight, top}.snapped()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="22" font-size="15">W1: seconds from creating the apps until all are synced and available</text>`+"\n", left)
	drawGrid(&b, x, y)
	for i, c := range curves {
		drawCurve(&b, c, i, x, y)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func curvesOf(set Set) []curve {
	byName := map[string]curve{}
	for _, r := range set {
		if r.Workload != "W1" || r.Unfinished {
			continue
		}
		name := r.Contender + ", " + r.Shape
		c, ok := byName[name]
		if !ok {
			c = curve{name: name, points: map[int]float64{}}
			byName[name] = c
		}
		c.points[r.Apps] = r.Seconds
	}
	var curves []curve
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		curves = append(curves, byName[name])
	}
	return curves
}

// axis maps values to pixels, logarithmically.
type axis struct{ from, to, pixelFrom, pixelTo float64 }

// snapped widens the axis to whole powers of ten.
func (a axis) snapped() axis {
	a.from = math.Pow(10, math.Floor(math.Log10(a.from)))
	a.to = math.Pow(10, math.Ceil(math.Log10(a.to)))
	if a.to <= a.from {
		a.to = a.from * 10
	}
	return a
}

func (a axis) pixel(value float64) float64 {
	share := math.Log(value/a.from) / math.Log(a.to/a.from)
	return a.pixelFrom + share*(a.pixelTo-a.pixelFrom)
}

// ticks are the powers of ten of the axis.
func (a axis) ticks() []float64 {
	var ticks []float64
	for value := a.from; value <= a.to*1.001; value *= 10 {
		ticks = append(ticks, value)
	}
	return ticks
}

func drawGrid(b *bytes.Buffer, x, y axis) {
	for _, value := range x.ticks() {
		fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/><text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n",
			x.pixel(value), top, x.pixel(value), top+plotHeight, x.pixel(value), top+plotHeight+lineHeight, value)
	}
	for _, value := range y.ticks() {
		fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/><text x="%d" y="%.1f" text-anchor="end">%g s</text>`+"\n",
			left, y.pixel(value), left+plotWidth, y.pixel(value), left-8, y.pixel(value)+4, value)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">apps</text>`+"\n", left+plotWidth/2, height-10)
}

func drawCurve(b *bytes.Buffer, c curve, number int, x, y axis) {
	colors := []string{"#1b6ac9", "#d1495b", "#2e8b57", "#b8860b", "#6a4c93", "#444444"}
	color := colors[number%len(colors)]
	dash := []string{"none", "6 3", "2 3"}[min(number/len(colors), 2)]
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s" points="`, color, dash)
	sizes := slices.Sorted(maps.Keys(c.points))
	for _, apps := range sizes {
		fmt.Fprintf(b, "%.1f,%.1f ", x.pixel(float64(apps)), y.pixel(c.points[apps]))
	}
	b.WriteString(`"/>` + "\n")
	for _, apps := range sizes {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x.pixel(float64(apps)), y.pixel(c.points[apps]), color)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+plotWidth+12, top+10+number*lineHeight, color, html.EscapeString(c.name))
}
