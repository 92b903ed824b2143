// Writes the Go types behind a pod template: what a pod-template-hash is computed over. Run in a module that requires k8s.io/api:
//
//	go run pod-template-types.go > src/sandbox/schema/pod-template-types.json
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// entry is [kind, Go's name of the type, detail…]: fields of a struct as [Go name, JSON name, type], the element of a list or pointer.
type entry []any

var table = []entry{}
var ids = map[reflect.Type]int{}

func id(t reflect.Type) int {
	if known, ok := ids[t]; ok {
		return known
	}
	number := len(table)
	ids[t] = number
	table = append(table, nil)
	name := t.String()
	switch t.Kind() {
	case reflect.Pointer:
		table[number] = entry{"pointer", name, id(t.Elem())}
	case reflect.Slice:
		table[number] = entry{"slice", name, id(t.Elem())}
	case reflect.Map:
		table[number] = entry{"map", name, id(t.Elem())}
	case reflect.Struct:
		if name == "resource.Quantity" || name == "v1.Time" || name == "intstr.IntOrString" {
			table[number] = entry{name, name}
			break
		}
		fields := []any{}
		for i := 0; i < t.NumField(); i++ {
			field := t.Field(i)
			tag := strings.Split(field.Tag.Get("json"), ",")
			fields = append(fields, []any{field.Name, tag[0], id(field.Type)})
		}
		table[number] = entry{"struct", name, fields}
	case reflect.String:
		table[number] = entry{"string", name}
	case reflect.Bool:
		table[number] = entry{"bool", name}
	default:
		table[number] = entry{"number", name}
	}
	return number
}

func main() {
	id(reflect.TypeOf(v1.PodTemplateSpec{}))
	encoder := json.NewEncoder(os.Stdout)
	if err := encoder.Encode(table); err != nil {
		panic(err)
	}
}
