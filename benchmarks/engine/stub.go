package main
import ("context";"io";"fmt")
type simulated struct{Devices,Tenants int}
type fleetSize struct{devices,tenants int}
func fleetSizes(string)([]fleetSize,error){return nil,nil}
func simulate(context.Context,fleetSize)(*simulated,error){return nil,nil}
func (r *results) document(string) error {return nil}
func (r *results) print(w io.Writer) error { for _,c:=range r.Cells { fmt.Fprintln(w,c.Store,c.Devices,c.Memory,c.FilledBytes,c.UsedBytes,c.Worker); for _,m:=range c.Measurements { fmt.Fprintln(w,m.What,m.AtOnce,m.Anywhere,m.figure(perSecond),m.figure(client),m.figure(serverOf),m.figure(millis))}}; return nil}
