"""Order and refit together: pure functions of arrays, and the state that they carry on."""
