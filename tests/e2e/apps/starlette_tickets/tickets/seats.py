class Hall:
    def __init__(self, rows, seats):
        self.free = [[True] * seats for _ in range(rows)]

    async def reserve(self, row, seat):
        def take():
            self.free[row][seat] = False  # <- fault: route
            return f"{row}-{seat}"

        return take()
