// Command hello is the program that helloset is compared with.
package main

import "fmt"

func main() { fmt.Println("hello") }
