package link

import (
	"syscall"

	"github.com/songgao/water"
)

const ebadfd = syscall.EBADF

func openWater(c water.Config) (*water.Interface, error) { return water.New(c) }
