module cistern.example/workers

go 1.18
