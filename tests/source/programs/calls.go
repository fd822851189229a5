// Each function tells `rec` what it is called in the index; `rec` prints that beside what the runtime calls it, and where.
package main

import (
	"fmt"
	"runtime"
)

func rec(expected string) {
	var counters [10]uintptr
	count := runtime.Callers(2, counters[:])
	frame, _ := runtime.CallersFrames(counters[:count]).Next()
	fmt.Printf("%s\t%d\t%s\n", frame.Function, frame.Line, expected)
}

type Server struct{}

func (s *Server) Handle() { rec("(*Server).Handle") }

func (s Server) Value() {
	rec("Server.Value")
	func() { rec("Server.Value.func") }()
}

type List[T any] struct{}

func (l *List[T]) Push(x T) {
	rec("(*List).Push")
	func() {
		rec("(*List).Push.func")
	}()
}

func Map[T any](x T) {
	rec("Map")
}

var global = func() { rec("glob..func") }

func init() { rec("init") }

func init() {
	rec("init")
	func() {
		rec("init.func")
	}()
}

func inlined(f func()) func() {
	return func() {
		rec("inlined.func")
		f()
	}
}

func each(yield func(int) bool) { yield(1) }

func deferred() {
	defer rec("deferred")
	defer func() {
		rec("deferred.func")
	}()
}

func main() {
	server := &Server{}
	server.Handle()
	server.Value()
	value := server.Handle
	value()
	(&List[int]{}).Push(1)
	Map("x")
	global()
	func() {
		rec("main.func")
		func() {
			rec("main.func.func")
		}()
	}()
	inlined(func() { rec("main.func") })()
	for range each {
		rec("main")
		func() { rec("main.func") }()
	}
	deferred()
	table := map[string]func(){"a": func() { rec("main.func") }}
	table["a"]()
	done := make(chan int)
	go func(x int) {
		rec("main.func")
		done <- x
	}(2)
	<-done
}
