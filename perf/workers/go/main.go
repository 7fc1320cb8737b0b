// SPDX-License-Identifier: MIT

// What tools/figures workers measures worker pools against: the cases of ../direct, as far as they make sense, by Go's
// two ways to have tasks done. It is not part of cistern, and needs nothing but Go itself; where Go is not installed,
// its figures are skipped.
//
//	worker_peer_go channel outside [workers [producers]]
//
// prints one number, of the unit that the case of ../direct has.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"time"
)

const tasks = 1 << 20

// How many tasks a worker has run, on lines of its own.
type count struct {
	tasks uint64
	_     [120]byte
}

type task func(*count)

func emptyTask(c *count) { c.tasks++ }

// Fixed workers that receive from a channel with as many places as the ring of ../direct.
type channelPool struct {
	queue   chan task
	counts  []count
	workers sync.WaitGroup
}

func newChannelPool(workers, places int) *channelPool {
	p := &channelPool{queue: make(chan task, places), counts: make([]count, workers)}
	p.workers.Add(workers)
	for i := range p.counts {
		go func(c *count) {
			defer p.workers.Done()
			for t := range p.queue {
				t(c)
			}
		}(&p.counts[i])
	}
	return p
}

// Waits until all tasks have run.
func (p *channelPool) end() {
	close(p.queue)
	p.workers.Wait()
}

// The time until all of so many copies of a task have run.
func (p *channelPool) submitAll(producers, total int, t task) time.Duration {
	start := time.Now()
	var others sync.WaitGroup
	for i := 0; i < producers; i++ {
		others.Add(1)
		go func() {
			defer others.Done()
			for n := 0; n < total/producers; n++ {
				p.queue <- t
			}
		}()
	}
	others.Wait()
	p.end()
	taken := time.Since(start)
	ran := uint64(0)
	for i := range p.counts {
		ran += p.counts[i].tasks
	}
	if ran != uint64(total/producers*producers) {
		fail("tasks were lost")
	}
	return taken
}

func channelOutside(workers, producers int) float64 {
	taken := newChannelPool(workers, 1024).submitAll(producers, tasks, emptyTask)
	return float64(taken.Nanoseconds()) / tasks
}

// A goroutine for each task instead of a pool.
func goroutineOutside(_, producers int) float64 {
	var done sync.WaitGroup
	done.Add(tasks / producers * producers)
	start := time.Now()
	for i := 0; i < producers; i++ {
		go func() {
			for n := 0; n < tasks/producers; n++ {
				go done.Done()
			}
		}()
	}
	done.Wait()
	return float64(time.Since(start).Nanoseconds()) / tasks
}

func goroutineTree(_, _ int) float64 {
	const height = 19
	var done sync.WaitGroup
	done.Add(2<<height - 1)
	var node func(int)
	node = func(height int) {
		if height > 0 {
			go node(height - 1)
			go node(height - 1)
		}
		done.Done()
	}
	start := time.Now()
	go node(height)
	done.Wait()
	return float64(time.Since(start).Nanoseconds()) / (2<<height - 1)
}

func channelRoundTrip(workers, _ int) float64 {
	const trips, warm = 20000, 1000
	p := newChannelPool(workers, 1024)
	result := make(chan int, 1)
	times := make([]float64, 0, warm+trips)
	last := time.Now()
	for i := 0; i < warm+trips; i++ {
		question := i
		p.queue <- func(*count) { result <- question }
		if <-result != question {
			fail("a result was wrong")
		}
		now := time.Now()
		times = append(times, float64(now.Sub(last).Nanoseconds()))
		last = now
	}
	p.end()
	times = times[warm:]
	sort.Float64s(times)
	return times[trips/2]
}

//go:noinline
func turn(times uint64) (sum uint64) {
	for ; times > 0; times-- {
		sum ^= times
	}
	return
}

func turnsPerMicrosecond() uint64 {
	const turns = 200000
	best := time.Hour
	for i := 0; i < 100; i++ {
		start := time.Now()
		turn(turns)
		if taken := time.Since(start); taken < best {
			best = taken
		}
	}
	return turns * 1000 / uint64(best.Nanoseconds())
}

func channelMicro(workers, producers int) float64 {
	const tasks = 1 << 18
	times := turnsPerMicrosecond()
	taken := newChannelPool(workers, 1024).submitAll(producers, tasks, func(c *count) {
		turn(times)
		c.tasks++
	})
	atOnce := workers
	if atOnce > runtime.NumCPU() {
		atOnce = runtime.NumCPU()
	}
	return float64(taken.Microseconds()) / (float64(tasks) / float64(atOnce))
}

// A task that holds 24 bytes of its own.
func channelMallocs(workers, producers int) float64 {
	const tasks = 100000
	p := newChannelPool(workers, 1024)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := 0; i < tasks; i++ {
		a, b, c := i, i+1, 2*i
		p.queue <- func(own *count) { own.tasks += uint64(a + b - c) }
	}
	p.end()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / tasks
}

var cases = map[string]func(workers, producers int) float64{
	"channel outside":    channelOutside,
	"channel round_trip": channelRoundTrip,
	"channel micro":      channelMicro,
	"channel mallocs":    channelMallocs,
	"goroutine outside":  goroutineOutside,
	"goroutine tree":     goroutineTree,
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "worker_peer_go:", why)
	os.Exit(1)
}

func main() {
	numbers := []int{2, 1}
	if len(os.Args) < 3 || len(os.Args) > 3+len(numbers) {
		fail("give a contender and a case, and perhaps how many workers and producers")
	}
	measure, found := cases[os.Args[1]+" "+os.Args[2]]
	if !found {
		fail("there is no " + os.Args[1] + " " + os.Args[2])
	}
	for i, given := range os.Args[3:] {
		number, err := strconv.Atoi(given)
		if err != nil || number < 1 {
			fail("not a number of threads: " + given)
		}
		numbers[i] = number
	}
	fmt.Printf("%.3f\n", measure(numbers[0], numbers[1]))
}
