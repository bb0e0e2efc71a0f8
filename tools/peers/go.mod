module signalbox/tools/peers

go 1.26.0
