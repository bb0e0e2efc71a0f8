module signalbox/tools/detect

go 1.26.0

require (
	signalbox v0.0.0
	signalbox/tools/trafficgen v0.0.0
)

replace (
	signalbox => ../..
	signalbox/tools/trafficgen => ../trafficgen
)
