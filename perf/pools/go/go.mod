module cistern.example/pools

go 1.18
