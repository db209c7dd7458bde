module github.com/mdmkit/devicestatus/examples

go 1.26.0

require github.com/mdmkit/devicestatus v0.0.0

replace github.com/mdmkit/devicestatus => ../
